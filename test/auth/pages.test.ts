/** The pages that links in mails lead to. */

import { createHash } from "node:crypto"
import { expect, test } from "vitest"
import type { Answer } from "../fixture/scenario.ts"
import { type AuthScenario, createAuthScenario, PASSWORD } from "./scenario.ts"

const NEW = "another long passphrase"
const FORM = { "Content-Type": "application/x-www-form-urlencoded" }
const PATHS = ["verify", "sign-in", "reset"].map((name) => `/v1/auth/pages/${name}`)

let people = 0

function newAddress(): string {
  return `page-${++people}@example.com`
}

function submit(scenario: AuthScenario, path: string, fields: Record<string, string>): Promise<Answer> {
  return scenario.call("POST", path, { body: new URLSearchParams(fields).toString(), headers: FORM })
}

/** Elements of a page with their attributes, as a browser reads them, and its text. */
async function read({ text }: Answer) {
  const elements: { name: string; attributes: Record<string, string> }[] = []
  let words = ""
  const rewriter = new HTMLRewriter().on("*", {
    element: (element) => {
      elements.push({ name: element.tagName, attributes: Object.fromEntries(element.attributes) })
    },
    text: (chunk) => {
      words += chunk.text
    },
  })
  await rewriter.transform(new Response(text)).text()
  const find = (name: string, attribute = "name", value?: string) =>
    elements.find((each) => each.name === name && (value === undefined || each.attributes[attribute] === value))
      ?.attributes
  return { elements, words, find }
}

test("14: each page has one form, which posts the token to the page's own path; opening the page changes nothing", async () => {
  const scenario = createAuthScenario()
  for (const path of PATHS) {
    const answer = await scenario.call("GET", `${path}?token=a-token`)
    expect(answer.status, path).toBe(200)
    const { elements, find } = await read(answer)
    expect(elements.filter(({ name }) => name === "form")).toHaveLength(1)
    expect(find("form")).toEqual({ method: "post", action: path })
    expect(find("input", "name", "token")).toEqual({ type: "hidden", name: "token", value: "a-token" })
    expect(elements.filter(({ name }) => name === "button")).toHaveLength(1)
    const head = await scenario.call("HEAD", `${path}?token=a-token`)
    expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: "" })
  }
  expect(scenario.logged.map(({ trips }) => trips)).toEqual(Array(6).fill(0))
})

test("pages hold no script, and their policy allows none; the one style has its hash in it", async () => {
  const scenario = createAuthScenario()
  for (const path of PATHS) {
    for (const answer of [
      await scenario.call("GET", `${path}?token=a-token`),
      await scenario.call("GET", path),
      await submit(scenario, path, { token: "a-token", password: NEW }),
    ]) {
      const { headers, text } = answer
      const { elements } = await read(answer)
      expect(headers.get("Content-Type")).toBe("text/html; charset=utf-8")
      expect(headers.get("Cache-Control")).toBe("private, no-store")
      expect(headers.get("Referrer-Policy")).toBe("no-referrer")
      expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
      const policy = headers.get("Content-Security-Policy")!.split("; ")
      const style = /<style>([\s\S]*)<\/style>/.exec(text)![1]!
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain(`style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`)
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("base-uri 'none'")
      expect(headers.get("Content-Security-Policy")).not.toMatch(/script-src|unsafe/)
      expect(elements.map(({ name }) => name)).not.toContain("script")
      for (const { attributes } of elements) {
        expect(Object.keys(attributes).filter((name) => name === "style" || name.startsWith("on"))).toEqual([])
      }
    }
  }
})

test("the form of the sign-in page may lead to the listed sites, that of the others to us alone", async () => {
  const scenario = createAuthScenario()
  const [verify, signIn, reset] = await Promise.all(
    PATHS.map(async (path) => {
      const { headers } = await scenario.call("GET", `${path}?token=a-token`)
      return /form-action ([^;]*)/.exec(headers.get("Content-Security-Policy")!)![1]
    }),
  )
  expect([verify, reset]).toEqual(["'self'", "'self'"])
  expect(signIn).toBe("'self' http://localhost:8788 http://127.0.0.1:8788")
})

test("a page says its language, has one heading, and each field that one sees has a label", async () => {
  const scenario = createAuthScenario()
  for (const path of PATHS) {
    const { elements, find } = await read(await scenario.call("GET", `${path}?token=a-token`))
    expect(find("html")).toEqual({ lang: "en" })
    expect(find("meta", "name", "viewport")).toBeDefined()
    for (const name of ["title", "main", "h1"]) expect(elements.filter((each) => each.name === name)).toHaveLength(1)
    for (const { attributes } of elements.filter(({ name }) => name === "input")) {
      if (attributes.type !== "hidden") expect(find("label", "for", attributes.id)).toBeDefined()
    }
  }
})

test("what comes from outside is text in a page, whatever it holds", async () => {
  const name = `<script>alert(1)</script>"'&`
  const scenario = createAuthScenario({ name })
  const token = `"><img src=x onerror='alert(1)'>`
  for (const path of PATHS) {
    for (const answer of [
      await scenario.call("GET", `${path}?token=${encodeURIComponent(token)}`),
      await submit(scenario, path, { token, password: "short" }),
    ]) {
      const { elements, find } = await read(answer)
      expect(elements.map((each) => each.name)).not.toContain("img")
      expect(elements.map((each) => each.name)).not.toContain("script")
      const field = find("input", "name", "token")
      if (field) expect(unescapeHtml(field.value!)).toBe(token)
    }
  }
})

/** HTMLRewriter gives attributes as they are written. */
function unescapeHtml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
}

test("a token that is missing, unknown or too long gets a page that says so", async () => {
  const scenario = createAuthScenario()
  for (const path of PATHS) {
    const answers = [
      await scenario.call("GET", path),
      await scenario.call("GET", `${path}?token=${"a".repeat(513)}`),
      await scenario.call("POST", path),
      await submit(scenario, path, { password: NEW }),
    ]
    for (const answer of answers) {
      expect(answer.status, path).toBe(400)
      expect((await read(answer)).words).toContain("This link is not complete")
    }
    const unknown = await submit(scenario, path, { token: "an unknown token", password: NEW })
    expect(unknown.status, path).toBe(400)
    expect((await read(unknown)).words).toContain("This link does not work any more")
    expect(unknown.headers.get("WWW-Authenticate")).toBeNull()
  }
})

test("60: forms are of one type and bounded in size", async () => {
  const scenario = createAuthScenario()
  for (const path of PATHS) {
    const json = await scenario.call("POST", path, { body: { token: "a-token" } })
    expect(json.status).toBe(415)
    const multipart = await scenario.call("POST", path, {
      body: "--x\r\n\r\n--x--",
      headers: { "Content-Type": "multipart/form-data; boundary=x" },
    })
    expect(multipart.status).toBe(415)
    expect(await submit(scenario, path, { token: "a".repeat(16 * 1024) })).toMatchObject({ status: 413 })
  }
})

test("the button of the page for a new address confirms it, once", async () => {
  const scenario = createAuthScenario()
  const { email, accessToken } = await scenario.newUser(newAddress())
  const { secret: token } = await scenario.mail(email, "verify-email")
  await scenario.call("GET", `/v1/auth/pages/verify?token=${token}`)
  const done = await submit(scenario, "/v1/auth/pages/verify", { token })
  expect(done.status).toBe(200)
  expect((await read(done)).words).toContain(`${email} is the address of your account.`)
  const own = await scenario.call("GET", "/v1/auth/user", { token: accessToken })
  expect(own.body).toMatchObject({ emailVerified: true })
  expect(await submit(scenario, "/v1/auth/pages/verify", { token })).toMatchObject({ status: 400 })
})

test("the page for a new password shows what is wrong with one, keeps the token, and then sets it", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser(newAddress())
  await scenario.auth("password/forgot", { email })
  const { secret: token } = await scenario.mail(email, "reset-password")
  const path = "/v1/auth/pages/reset"
  const empty = await read(await scenario.call("GET", `${path}?token=${token}`))
  expect(empty.find("input", "name", "password")).toMatchObject({ type: "password", autocomplete: "new-password" })
  const refused = await submit(scenario, path, { token, password: "short" })
  expect(refused.status).toBe(422)
  expect(refused.text).not.toContain('"short"')
  const again = await read(refused)
  expect(again.words).toContain("The password must have at least 8 characters.")
  expect(again.find("p", "role", "alert")).toMatchObject({ id: "wrong" })
  expect(again.find("input", "name", "password")).toMatchObject({ "aria-describedby": "wrong" })
  expect(again.find("input", "name", "token")).toMatchObject({ value: token })
  const done = await submit(scenario, path, { token, password: NEW })
  expect(done.status).toBe(200)
  expect((await read(done)).words).toContain("Your password is set")
  expect(await scenario.auth("sign-in", { email, password: NEW })).toMatchObject({ status: 200 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 401 })
  expect(await submit(scenario, path, { token, password: NEW })).toMatchObject({ status: 400 })
})

test("a token in the address does as well as one in the form", async () => {
  const scenario = createAuthScenario()
  const { email } = await scenario.newUser(newAddress())
  const { secret } = await scenario.mail(email, "verify-email")
  const path = `/v1/auth/pages/verify?token=${secret}`
  expect(await scenario.call("POST", path)).toMatchObject({ status: 200 })
})

test("pages are there as far as their methods are turned on", async () => {
  const scenario = createAuthScenario({ emailLink: false, password: undefined as never })
  const statuses = await Promise.all(
    PATHS.map(async (path) => (await scenario.call("GET", `${path}?token=a-token`)).status),
  )
  expect(statuses).toEqual([200, 404, 404])
})
