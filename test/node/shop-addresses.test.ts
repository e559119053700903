/** Addresses that the shop's pages are given: where somebody is led after signing in. */

import { resolve } from "node:path"
import { afterEach, expect, test } from "vitest"

const PAGE = "https://shop.example/sign-in"
const { nextPath } = (await import(resolve(import.meta.dirname, "../../public/shop/next.js"))) as {
  nextPath(fallback?: string): string
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, "location")
})

test.each(["/", "/film?id=1", "/room?id=1#last", "/account#keys"])("%s is gone on to", (wanted) => {
  expect(after(wanted)).toBe(wanted)
})

test.each([
  "https://evil.example/",
  "//evil.example/",
  "/\\evil.example/",
  "/.//evil.example/",
  "/film/..//evil.example/",
  "/%2e//evil.example/",
  "https://shop.example//evil.example/",
  "blob:https://evil.example/",
  "javascript:alert(1)",
])("%s leads nobody away from the shop", (wanted) => {
  expect(new URL(after(wanted), PAGE).origin).toBe("https://shop.example")
})

function after(wanted: string): string {
  const location = new URL(`${PAGE}?${new URLSearchParams({ next: wanted })}`)
  Object.defineProperty(globalThis, "location", { value: location, configurable: true })
  return nextPath()
}
