/** Files that were copied from elsewhere are what they were when they were checked. */

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { expect, test } from "vitest"

const AUTH = resolve(import.meta.dirname, "../../src/auth")

test("argon2.wasm is the build whose answers were checked, with its licence beside it", () => {
  const wasm = readFileSync(resolve(AUTH, "argon2.wasm"))
  expect(wasm.byteLength).toBe(28_879)
  expect(createHash("sha256").update(wasm).digest("hex")).toBe(
    "38f461d188b5dc980881ed92f9ecc12473e9206a588625e3ef0c4c5125dc85b1",
  )
  expect(readFileSync(resolve(AUTH, "argon2.LICENSE"), "utf8")).toMatch(/MIT License/)
})

test("the list of common passwords stays under 32 KB, with its licence beside it", () => {
  expect(readFileSync(resolve(AUTH, "common-passwords.txt")).byteLength).toBeLessThan(32 * 1024)
  expect(readFileSync(resolve(AUTH, "common-passwords.LICENSE"), "utf8")).toMatch(/Permission is hereby granted/)
})
