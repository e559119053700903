import { expect, test } from "vitest"
import { commonPasswords } from "./common-passwords.ts"
import text from "./common-passwords.txt"
import { refusePassword } from "./password-rules.ts"

const RULES = {
  common: commonPasswords(text),
  email: "ada.lovelace@example.com",
  name: "Ada King",
  projectName: "Corner Shop",
  minLength: 8,
}

test("1: 8 to 256 characters are accepted, of whatever kind", () => {
  for (const password of [
    "zqvkwpxm",
    "73910482",
    "zqvk wpx",
    "日本語の秘密の言葉",
    "x7".repeat(32),
    "x7".repeat(128),
  ]) {
    expect(refusePassword(password, RULES), password).toBeUndefined()
  }
})

test("1: 7 and 257 characters are refused", () => {
  expect(refusePassword("zqvkwpx", RULES)).toEqual({ code: "too_small", message: "must have at least 8 characters" })
  expect(refusePassword("z".repeat(257), RULES)).toEqual({
    code: "too_big",
    message: "must have at most 256 characters",
  })
})

test("1: where the password is the only factor, the least length is the caller's", () => {
  const strict = { ...RULES, minLength: 15 }
  expect(refusePassword("zqvkwpxmzqvkwp", strict)).toMatchObject({ code: "too_small" })
  expect(refusePassword("zqvkwpxmzqvkwpx", strict)).toBeUndefined()
})

test("1: characters are Unicode code points after NFC", () => {
  const composed = "\u00e9"
  const decomposed = "e\u0301"
  expect(refusePassword(decomposed.repeat(7), RULES)).toMatchObject({ code: "too_small" })
  expect(refusePassword(decomposed.repeat(256), RULES)).toBeUndefined()
  expect(refusePassword(composed.repeat(257), RULES)).toMatchObject({ code: "too_big" })
  expect(refusePassword("😀".repeat(7), RULES)).toMatchObject({ code: "too_small" })
  expect(refusePassword("😀".repeat(256), RULES)).toBeUndefined()
})

test("half of a surrogate pair is refused, because every such half would be the same password", () => {
  expect(refusePassword("zqvkwpxm\ud83d", RULES)).toMatchObject({ code: "invalid_format" })
})

test("2: each of the more than 3,000 common passwords of allowed length is refused, whatever its case", () => {
  const common = [...RULES.common()]
  expect(common.length).toBeGreaterThanOrEqual(3_000)
  expect(common).toEqual(expect.arrayContaining(["password", "12345678", "qwertyuiop", "iloveyou", "trustno1"]))
  for (const password of common.flatMap((each) => [each, each.toUpperCase()])) {
    expect(refusePassword(password, RULES)).toEqual({
      code: "common_password",
      message: "is one of the passwords that are guessed first",
    })
  }
})

test("2: a password that contains the address, its first part, the name or the project's name is refused", () => {
  const containing = {
    "ada.lovelace@example.com": "the e-mail address",
    "my ADA.Lovelace@Example.COM!": "the e-mail address",
    "xx-Ada.Lovelace-1815": "the first part of the e-mail address",
    adalovelace1815: "the first part of the e-mail address",
    "adaking 1815": "your name",
    "Corner Shop 1984": "the name of this service",
    "the-corner-shop": "the name of this service",
    CORNERSHOP: "the name of this service",
  }
  for (const [password, what] of Object.entries(containing)) {
    expect(refusePassword(password, RULES)).toEqual({ code: "contains_name", message: `must not contain ${what}` })
  }
})

test("2: names are compared in their NFC form", () => {
  const rules = { ...RULES, email: "rene\u0301e@example.com" }
  expect(refusePassword("ren\u00e9e-zqvk-1815", rules)).toMatchObject({ code: "contains_name" })
})

test("2: a first part or a name of fewer than 4 characters may occur, and so may one that isn't there", () => {
  for (const rules of [
    { ...RULES, email: "ada@example.com", name: "Bo", projectName: "Go" },
    { ...RULES, email: "not-an-address", name: undefined, projectName: "" },
    { ...RULES, email: "", name: "" },
  ]) {
    expect(refusePassword("canada-gone-border", rules)).toBeUndefined()
  }
  expect(refusePassword("ada@example.com1", { ...RULES, email: "ada@example.com" })).toMatchObject({
    code: "contains_name",
  })
})
