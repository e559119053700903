/** Which addresses people may be sent back to. */

import { describe, expect, test } from "vitest"
import { mayRedirect, redirectBack } from "../../src/auth/redirects.ts"
import { createAuthScenario } from "./scenario.ts"

const ORIGINS = ["https://shop.example", "http://localhost:8788", "https://edge.example", "http://[::1]:8080"]
const CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

const ALLOWED = [
  "https://shop.example",
  "https://shop.example/",
  "https://shop.example/signed-in",
  "https://shop.example/signed-in?next=%2Ffilms%2F1&tab=a",
  "https://shop.example?next=https://evil.example//",
  "http://localhost:8788/app/index.html",
  "http://[::1]:8080/app",
]

const REFUSED = [
  // not an address, or no address of the web
  "",
  "/",
  "/signed-in",
  "signed-in",
  "shop.example",
  "//shop.example",
  "//evil.example",
  "javascript:alert(1)",
  "JavaScript:alert(1)//https://shop.example",
  "javascript://shop.example/%0aalert(1)",
  "data:text/html,hello",
  "blob:https://shop.example/1",
  "file:///etc/passwd",
  "https:shop.example",
  "https:/shop.example/",
  "https:///shop.example/",
  // another scheme, host or port
  "http://shop.example/",
  "https://shop.example:8443/",
  "https://shop.example:443/",
  "http://localhost:8789/",
  "http://localhost/",
  "http://127.0.0.1:8788/",
  "https://evil.example/",
  "https://shop.example.evil.example/",
  "https://evil-shop.example/",
  "https://www.shop.example/",
  "https://shop.exampl/",
  "https://shop.example./",
  "https://SHOP.example/",
  "HTTPS://shop.example/",
  "https://shop.examp\u200ble/",
  "https://ｓhop.example/",
  "https://shop。example/",
  "https://shop%2eexample/",
  "http://[0:0:0:0:0:0:0:1]:8080/",
  // a name and a password before the host
  "https://shop.example@evil.example/",
  "https://shop.example:443@evil.example/",
  "https://user@shop.example/",
  "https://user:secret@shop.example/",
  "https://@shop.example/",
  "https://shop.example%40evil.example/",
  "https://shop.example%2f@evil.example/",
  // what one program reads as a slash and another doesn't
  "https:\\\\shop.example/",
  "https://shop.example\\@evil.example/",
  "https://shop.example\\.evil.example/",
  "https://evil.example\\.shop.example/",
  "https://shop.example/\\evil.example",
  "https://shop.example/%5cevil.example",
  "https://shop.example/%5C%5Cevil.example",
  // a path that looks like another host
  "https://shop.example//evil.example",
  "https://shop.example///evil.example",
  "https://shop.example/%2f%2fevil.example",
  "https://shop.example/%2Fevil.example",
  "https://shop.example/a//evil.example",
  "https://shop.example/..//evil.example",
  "https://shop.example/.//evil.example",
  "https://shop.example/%2e%2e//evil.example",
  // the ends of lines, and other controls
  "https://shop.example/\r\nSet-Cookie: a=b",
  "https://shop.example/%0d%0aSet-Cookie:%20a=b",
  "https://shop.example/%00",
  "https://shop.example/\u0000",
  "java\nscript:alert(1)",
  " https://shop.example/",
  "https://shop.example/ ",
  "\thttps://shop.example/",
  "https://shop.example\t/",
  "https://shop.example/a b",
  // a fragment, which would swallow nothing but hide the code from the query
  "https://shop.example/#token",
  "https://shop.example#@evil.example/",
  "https://shop.example;evil.example/",
  "https://shop.example,evil.example/",
  "https://shop.example/ü",
  `https://shop.example/${"a".repeat(2_048)}`,
  "null",
  "*",
  "https://*",
]

describe("48: an address to be sent back to is compared with the list exactly", () => {
  test.each(ALLOWED)("allowed: %s", (redirectTo) => {
    expect(mayRedirect(ORIGINS, redirectTo)).toBe(true)
    expect(ORIGINS).toContain(new URL(redirectBack(redirectTo, { code: "c" })).origin)
  })

  test.each(REFUSED.map((redirectTo) => [JSON.stringify(redirectTo).slice(0, 80), redirectTo]))(
    "refused: %s",
    (_, redirectTo) => {
      expect(mayRedirect(ORIGINS, redirectTo)).toBe(false)
    },
  )

  test("an opaque origin in the list lets nothing through", () => {
    for (const redirectTo of ["data:text/html,hello", "javascript:alert(1)", "null"])
      expect(mayRedirect(["null"], redirectTo)).toBe(false)
  })
})

test("48: a link is mailed for listed sites and our own origin only; others are 422 at /redirectTo, without a mail", async () => {
  const scenario = createAuthScenario()
  const email = "redirects@example.com"
  const ask = (redirectTo: string) => scenario.auth("email/link", { email, redirectTo, codeChallenge: CHALLENGE })
  for (const redirectTo of ["https://evil.example/", "https://edge.example@evil.example/", "javascript:alert(1)"]) {
    const answer = await ask(redirectTo)
    expect(answer, redirectTo).toMatchObject({ status: 422, body: { errors: [{ pointer: "/redirectTo" }] } })
  }
  expect(await scenario.mails(email)).toHaveLength(0)
  expect(await ask("http://localhost:8788/signed-in")).toMatchObject({ status: 202 })
  expect(await scenario.mails(email)).toHaveLength(1)
  expect(await ask("https://edge.example/signed-in")).toMatchObject({ status: 202 })
  expect(await scenario.mails(email)).toHaveLength(2)
})

test("the query of the address is kept, but for parameters of ours", () => {
  const table = [
    ["https://shop.example", "https://shop.example/?code=a%2Bb"],
    ["https://shop.example/in?", "https://shop.example/in?code=a%2Bb"],
    ["https://shop.example/in?next=%2Ffilms&flag", "https://shop.example/in?next=%2Ffilms&flag&code=a%2Bb"],
    ["https://shop.example/in?code=theirs&next=1", "https://shop.example/in?next=1&code=a%2Bb"],
  ]
  for (const [redirectTo, expected] of table) expect(redirectBack(redirectTo!, { code: "a+b" })).toBe(expected)
})
