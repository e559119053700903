/** People with an authenticator app; the app is a library of another author. */

import { generateSync } from "otplib"
import { type AuthScenario, PASSWORD, type SessionBody } from "./scenario.ts"

export const STEP_MS = 30_000

export interface Protected {
  readonly email: string
  readonly userId: string
  /** The session that turned the second factor on. */
  readonly session: SessionBody
  /** The seed, base32. */
  readonly seed: string
  readonly recoveryCodes: string[]
}

/** What the app shows `steps` after now. */
export function codeOf(scenario: AuthScenario, seed: string, steps = 0): string {
  return generateSync({ secret: seed, epoch: Math.floor((scenario.now() + steps * STEP_MS) / 1000) })
}

export function wrongCode(scenario: AuthScenario, seed: string): string {
  const near = [-2, -1, 0, 1, 2].map((steps) => codeOf(scenario, seed, steps))
  return ["123456", "234567", "345678", "456789", "567890", "678901"].find((code) => !near.includes(code))!
}

/** Turns the second factor on; the clock then stands in the next time step, whose code is unused. */
export async function protect(scenario: AuthScenario, person?: SessionBody & { email: string }): Promise<Protected> {
  const session = person ?? (await scenario.newUser())
  const token = session.accessToken
  const started = await scenario.auth("totp", undefined, { token })
  if (started.status !== 201) throw new Error(started.text)
  const seed = started.body.secret as string
  const activated = await scenario.auth("totp/activate", { code: codeOf(scenario, seed) }, { token })
  if (activated.status !== 200) throw new Error(activated.text)
  scenario.advance(STEP_MS)
  return { email: session.email, userId: session.user.id, session, seed, recoveryCodes: activated.body.recoveryCodes }
}

/** Signs in as far as the password goes. */
export async function ticketOf(scenario: AuthScenario, { email }: { email: string }, token?: string): Promise<string> {
  const answer = await scenario.auth("sign-in", { email, password: PASSWORD }, token === undefined ? {} : { token })
  if (!answer.body?.mfa) throw new Error(answer.text)
  return answer.body.mfa.ticket
}
