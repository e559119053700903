/** Which new passwords are refused. */

import type { CommonPasswords } from "./common-passwords.ts"

/** Characters; longer than any passphrase, and short enough to be read at once. */
const MOST_CHARACTERS = 256
/** Characters of a name or an address that a password may not contain; shorter ones occur by chance. */
const SHORTEST_NAME = 4

export interface PasswordRules {
  email: string
  /** The account's own name. */
  name?: string | undefined
  projectName: string
  /** Characters: Unicode code points after NFC. */
  minLength: number
  common: CommonPasswords
}

export type PasswordRefusal = {
  code: "too_small" | "too_big" | "invalid_format" | "common_password" | "contains_name"
  message: string
}

/** Length, then guessability; what kinds of characters a password mixes is its owner's business. */
export function refusePassword(password: string, rules: PasswordRules): PasswordRefusal | undefined {
  if (!password.isWellFormed()) {
    return { code: "invalid_format", message: "must not contain half of a surrogate pair" }
  }
  const text = password.normalize("NFC")
  const length = [...text].length
  if (length < rules.minLength) {
    return { code: "too_small", message: `must have at least ${rules.minLength} characters` }
  }
  if (length > MOST_CHARACTERS) {
    return { code: "too_big", message: `must have at most ${MOST_CHARACTERS} characters` }
  }
  if (rules.common().has(text.toLowerCase())) {
    return { code: "common_password", message: "is one of the passwords that are guessed first" }
  }
  const what = containedName(text, rules)
  return what ? { code: "contains_name", message: `must not contain ${what}` } : undefined
}

function containedName(password: string, { email, name, projectName }: PasswordRules): string | undefined {
  const names = {
    "the e-mail address": email,
    "the first part of the e-mail address": email.slice(0, Math.max(0, email.lastIndexOf("@"))),
    "your name": name ?? "",
    "the name of this service": projectName,
  }
  const text = fold(password)
  return Object.entries(names).find(([, each]) => {
    const folded = fold(each)
    return [...folded].length >= SHORTEST_NAME && text.includes(folded)
  })?.[0]
}

/** "Corner Shop" is in "corner-shop-1984" too. */
function fold(text: string): string {
  return text
    .normalize("NFC")
    .toLowerCase()
    .replaceAll(/[\s._-]/g, "")
}
