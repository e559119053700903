/** Which addresses a webhook may have. */

import fc from "fast-check"
import { expect, test } from "vitest"
import { addressFault } from "../../src/webhooks/address.ts"
import { runs, TIMEOUT } from "../property/runs.ts"
import { closedUrl, openUrl } from "./addresses.ts"

const OWN = ["https://api.shop.example"]
const deployed = (url: string) => addressFault(url, { isLocal: false, own: OWN })
const locally = (url: string) => addressFault(url, { isLocal: true, own: ["http://localhost:8787"] })

test("no spelling of an inner address is taken", { timeout: TIMEOUT }, () => {
  fc.assert(
    fc.property(closedUrl, (url) => {
      expect(deployed(url), url).toBeDefined()
    }),
    runs(2_000, 500_000),
  )
})

test("addresses of the open internet are taken in every spelling", { timeout: TIMEOUT }, () => {
  fc.assert(
    fc.property(openUrl, (url) => {
      expect(deployed(url), url).toBeUndefined()
    }),
    runs(2_000, 500_000),
  )
})

test.each([
  "https://hooks.example.com/orders?shop=1",
  "https://hooks.example.com.:8443/",
  "HTTPS://Hooks.Example.COM/",
  "https://bücher.example/",
  "https://localhost.example.com/",
  "https://internal.example/",
  "https://10.example/",
])("%s is taken", (url) => {
  expect(deployed(url)).toBeUndefined()
})

test.each([
  ["a name that only a resolver at home knows", "https://intranet/"],
  ["a single label with a dot", "https://intranet./"],
  ["localhost", "https://LOCALHOST/"],
  ["what is under localhost", "https://a.b.localhost./"],
  ["mDNS", "https://printer.local/"],
  ["mDNS in full-width letters", "https://printer．ｌｏｃａｌ/"],
  ["an inner name", "https://metadata.google.internal/"],
  ["an inner name in capitals, with a dot", "https://METADATA.INTERNAL./"],
  ["an inner name, encoded", "https://db.%69nternal/"],
  ["two dots at the end", "https://hooks.example.com../"],
  ["itself", "https://api.shop.example/v1/checkout"],
  ["itself on another port", "https://api.shop.example:8443/"],
  ["itself in capitals, with a dot", "https://API.Shop.example./"],
  ["no encryption", "http://hooks.example.com/"],
  ["another scheme", "ftp://hooks.example.com/"],
  ["no host", "https:///"],
  ["no URL", "hooks.example.com"],
  ["a URL without slashes", "https:hooks.example.com"],
  ["backslashes", "https:\\\\127.0.0.1\\"],
  ["a line end inside", "https://hooks.exam\nple.com/"],
  ["a user", "https://ada@hooks.example.com/"],
  ["a password", "https://ada:secret@hooks.example.com/"],
  ["an empty user", "https://@hooks.example.com/"],
  ["a fragment", "https://hooks.example.com/#top"],
  ["too long a URL", `https://hooks.example.com/${"a".repeat(2_048)}`],
])("%s is refused", (_, url) => {
  expect(deployed(url)).toBeDefined()
})

test.each([
  "http://localhost:9000/hook",
  "http://127.0.0.1:9000/",
  "https://[::1]:9000/",
  "http://127.1.2.3/",
  "https://hooks.example.com/",
])("on a developer's machine %s is taken", (url) => {
  expect(locally(url)).toBeUndefined()
})

test.each([
  "http://10.0.0.1/",
  "https://192.168.1.1/",
  "https://0.0.0.0:9000/",
  "http://hooks.example.com/",
  "https://intranet/",
  "http://[::ffff:127.0.0.1]:9000/",
  "http://localhost:8787/v1/films",
  "http://127.0.0.1:8787/",
  "http://[::1]:8787/",
])("on a developer's machine %s is refused", (url) => {
  expect(locally(url)).toBeDefined()
})
