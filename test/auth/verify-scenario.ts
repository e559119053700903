/** What the tests of proofs of an address share. */

import type { AuthScenario } from "./scenario.ts"

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const REFUSED = { status: 401, body: { code: "invalid_credentials", errors: [{ pointer: "/token" }] } }
export const TAKEN = { status: 409, body: { code: "conflict", errors: [{ pointer: "/email" }] } }

let people = 0

export function newAddress(): string {
  return `verify-${++people}@example.com`
}

export function verify(scenario: AuthScenario, token: string, ip?: string) {
  return scenario.auth("email/verify", { token }, ip === undefined ? {} : { ip })
}

/** An account with a proved address and no password, which costs no hash. */
export async function codeUser(scenario: AuthScenario, email = newAddress()) {
  await scenario.auth("email/code", { email })
  const { secret: code } = await scenario.mail(email, "sign-in-code")
  const { status, body, text } = await scenario.auth("email/code/redeem", { email, code })
  if (status !== 200) throw new Error(text)
  return { ...body, email } as { user: { id: string }; accessToken: string; refreshToken: string; email: string }
}
