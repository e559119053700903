/** People with passkeys: both ceremonies, through HTTP. */

import { env } from "cloudflare:workers"
import type { Answer } from "../fixture/scenario.ts"
import { type Algorithm, type Authenticator, createAuthenticator, type Ways } from "./passkey-authenticator.ts"
import { type AuthScenario, createAuthScenario, type SessionBody } from "./scenario.ts"

export type Person = SessionBody & { email: string }

export interface PasskeyScenario extends AuthScenario {
  /** Options of a ceremony, as the browser gets them. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into options of both kinds
  ask(path: "register/options" | "sign-in/options", token?: string): Promise<any>
  register(key: Authenticator, token: string, ways?: Ways, name?: string): Promise<Answer>
  /** Sends what an authenticator answered. */
  redeem(path: "register" | "sign-in" | "sign-in?cookie=true", response: unknown, call?: PasskeyCall): Promise<Answer>
  signIn(key: Authenticator, ways?: Ways): Promise<Answer>
  /** A passkey of the user, registered. */
  passkeyOf(token: string, usual?: Ways, algorithm?: Algorithm): Promise<Authenticator>
  /** The row of a passkey, or null. */
  stored(id: string): Promise<Record<string, unknown> | null>
}

interface PasskeyCall {
  token?: string
  headers?: Record<string, string>
}

export function createPasskeyScenario(): PasskeyScenario {
  const scenario = createAuthScenario()
  const ask: PasskeyScenario["ask"] = async (path, token) => {
    const answer = await scenario.auth(`passkeys/${path}`, undefined, token === undefined ? {} : { token })
    if (answer.status !== 200) throw new Error(answer.text)
    return answer.body
  }
  const redeem: PasskeyScenario["redeem"] = (path, response, call) =>
    scenario.auth(`passkeys/${path}`, { response }, call)
  const register: PasskeyScenario["register"] = async (key, token, ways, name) => {
    const response = await key.create(await ask("register/options", token), ways)
    return scenario.auth("passkeys/register", { response, ...(name && { name }) }, { token })
  }
  return {
    ...scenario,
    ask,
    redeem,
    register,
    signIn: async (key, ways) => redeem("sign-in", await key.get(await ask("sign-in/options"), ways)),
    async passkeyOf(token, usual, algorithm) {
      const key = await createAuthenticator(usual, algorithm)
      const answer = await register(key, token)
      if (answer.status !== 201) throw new Error(answer.text)
      return key
    },
    stored: (id) => env.DB.prepare("SELECT * FROM _passkeys WHERE id = ?").bind(id).first(),
  }
}
