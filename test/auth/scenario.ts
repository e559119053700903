/** People who sign in to the shop: requests to `/v1/auth`, the mails that come of them, and the secrets in the mails. */

import { env } from "cloudflare:workers"
import { auth } from "../../app/auth.ts"
import { backend } from "../../app/backend.ts"
import { resolveAuth } from "../../src/auth/settings.ts"
import type { AuthOptions, Backend } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { type Answer, type Call, createScenario, type Outside, type Scenario } from "../fixture/scenario.ts"

export const PASSWORD = "a long enough passphrase"
export const START = Date.UTC(2026, 10, 21, 12)

export interface Mail {
  recipient: string
  purpose: string
  subject: string
  text: string
  /** The secret of the link, or the code. */
  secret: string
}

export interface AuthScenario extends Scenario {
  readonly now: () => number
  advance(ms: number): void
  /** `POST /v1/auth/{path}`; with a token as that user. */
  auth(path: string, body?: unknown, call?: AuthCall): Promise<Answer>
  call(method: string, path: string, call?: AuthCall & { body?: unknown }): Promise<Answer>
  /** Signs up and gives the session. */
  newUser(email?: string, password?: string): Promise<SessionBody & { email: string }>
  /** The newest mail to an address; waits for those on their way. */
  mail(recipient: string, purpose?: string): Promise<Mail>
  mails(recipient: string): Promise<Mail[]>
  /** The audit of a user, oldest first; waits for what is on its way. */
  events(userId?: string | null): Promise<AuditRow[]>
}

export interface AuditRow {
  event: string
  result: string
  actor: string | null
  ip: string | null
  detail: string | null
}

export interface AuthCall extends Omit<Call, "body"> {
  token?: string
  /** `CF-Connecting-IP`; each scenario has its own unless told. */
  ip?: string
}

export interface SessionBody {
  user: { id: string; email: string | null; emailVerified: boolean; name: string | null; roles: string[] }
  accessToken: string
  refreshToken: string
}

let addresses = 0
let people = 0

/** In place of the shop's, whose mails would stand among those of sign-in. */
const NO_JOBS = { jobs: collectDeclarations([]) }

/** @param options In place of the shop's own, and so are the `parts` of its backend. */
export function createAuthScenario(
  options: Partial<AuthOptions> = {},
  parts: Partial<Backend> = {},
  outside: Outside = {},
): AuthScenario {
  let at = START
  const now = () => at
  const scenario = createScenario(
    { ...backend, ...NO_JOBS, ...parts, auth: resolveAuth({ ...auth, ...options }) } as Backend,
    env.DB,
    now,
    outside,
  )
  const ownAddress = `198.51.${Math.floor(++addresses / 250)}.${(addresses % 250) + 1}`

  const call: AuthScenario["call"] = (method, path, { token, ip = ownAddress, headers, ...rest } = {}) =>
    scenario.send(method, path, {
      ...rest,
      headers: { "CF-Connecting-IP": ip, ...(token && { Authorization: `Bearer ${token}` }), ...headers },
    })
  const post: AuthScenario["auth"] = (path, body, options) => call("POST", `/v1/auth/${path}`, { ...options, body })
  async function mails(recipient: string): Promise<Mail[]> {
    await scenario.settled()
    const { results } = await env.DB.prepare("SELECT * FROM _mails WHERE recipient = ? ORDER BY id")
      .bind(recipient)
      .all<Omit<Mail, "secret">>()
    return results.map((mail) => ({
      ...mail,
      secret: /token=([\w-]+)|^(\d{6})$/m.exec(mail.text)?.slice(1).find(Boolean) ?? "",
    }))
  }

  return {
    ...scenario,
    now,
    advance: (ms) => {
      at += ms
    },
    call,
    auth: post,
    async newUser(email = `person-${++people}@example.com`, password = PASSWORD) {
      const answer = await post("sign-up", { email, password })
      if (answer.status !== 201) throw new Error(answer.text)
      return { ...(answer.body as SessionBody), email }
    },
    mails,
    async mail(recipient, purpose) {
      const found = (await mails(recipient)).filter((mail) => !purpose || mail.purpose === purpose).at(-1)
      if (!found) throw new Error(`no mail to ${recipient}`)
      return found
    },
    async events(userId) {
      await scenario.settled()
      const { results } = await env.DB.prepare(
        "SELECT * FROM _auth_events WHERE ?1 IS NULL OR user_id = ?1 ORDER BY id",
      )
        .bind(userId ?? null)
        .all<AuditRow>()
      return results
    },
  }
}

/** D1 trips of each request so far, as they stood when it was answered. */
export function tripsOf({ logged }: Scenario): unknown[] {
  return logged.filter((line) => line.event === "request").map((line) => line.trips)
}
