/** Every secret at every door: a secret made for one purpose opens nothing else, and is as good as before. */

import { env } from "cloudflare:workers"
import { beforeAll, beforeEach, expect, test } from "vitest"
import { mint } from "../../src/auth/one-time.ts"
import type { Answer } from "../fixture/scenario.ts"
import { codeOf, type Protected, protect, ticketOf } from "./authenticator.ts"
import { authOperations } from "./operations.ts"
import { type Authenticator, createAuthenticator } from "./passkey-authenticator.ts"
import { CHALLENGE, createProviderScenario, type ProviderScenario, SITE, VERIFIER } from "./provider-visits.ts"
import { PASSWORD, type SessionBody } from "./scenario.ts"

const MINUTE = 60_000
const NEW_PASSWORD = "another long passphrase"
/** A ticket takes five tries. */
const TRIES = 4

/** Someone who has one of each; the doors are theirs too. */
interface Person extends Protected {
  readonly token: string
  readonly passkey: Authenticator
  /** A session of somebody whose authenticator isn't confirmed yet. */
  readonly beginner: { readonly token: string; readonly seed: string }
  tries: number
  ticket: Promise<string>
}

let scenario: ProviderScenario

beforeAll(async () => {
  scenario = await createProviderScenario()
})

/** What was counted for the secret before is forgotten. */
beforeEach(() => scenario.advance(15 * MINUTE))

type Door = (person: Person, text: string) => Promise<Answer>

/** Wherever a secret is redeemed, by the operation of the document, and what it is called there. */
const DOORS = {
  "POST /v1/auth/email/code/redeem": ({ email }, code) => scenario.auth("email/code/redeem", { email, code }),
  "POST /v1/auth/email/verify": (_, token) => scenario.auth("email/verify", { token }),
  "POST /v1/auth/pages/verify": (_, token) => page("verify", token),
  "POST /v1/auth/pages/sign-in": (_, token) => page("sign-in", token),
  "POST /v1/auth/pages/reset": (_, token) => page("reset", token),
  "POST /v1/auth/password/reset": (_, token) => scenario.auth("password/reset", { token, password: NEW_PASSWORD }),
  "POST /v1/auth/password/change": ({ token }, currentPassword) =>
    scenario.auth("password/change", { currentPassword, password: NEW_PASSWORD }, { token }),
  "POST /v1/auth/sign-in": ({ email }, password) => scenario.auth("sign-in", { email, password }),
  "POST /v1/auth/exchange": (_, code) => scenario.exchange(code),
  "POST /v1/auth/identities": ({ token }, code) =>
    scenario.auth("identities", { code, codeVerifier: VERIFIER }, { token }),
  "POST /v1/auth/mfa (ticket)": ({ seed }, ticket) =>
    scenario.auth("mfa", { ticket, method: "totp", code: codeOf(scenario, seed) }),
  "POST /v1/auth/mfa (totp)": async (person, code) =>
    scenario.auth("mfa", { ticket: await nextTicket(person), method: "totp", code }),
  "POST /v1/auth/mfa (recovery)": async (person, code) =>
    scenario.auth("mfa", { ticket: await nextTicket(person), method: "recovery", code }),
  "POST /v1/auth/totp/activate": ({ beginner: { token } }, code) => scenario.auth("totp/activate", { code }, { token }),
  "GET /v1/auth/oauth/{provider}/callback": (_, state) =>
    scenario.comeBack(`/v1/auth/oauth/acme/callback?${new URLSearchParams({ code: "a-code", state })}`),
  "POST /v1/auth/passkeys/register": async ({ token, userId }, challenge) => {
    const response = await (await createAuthenticator()).create({ challenge, user: { id: userId } })
    return scenario.auth("passkeys/register", { response }, { token })
  },
  "POST /v1/auth/passkeys/sign-in": async ({ passkey }, challenge) =>
    scenario.auth("passkeys/sign-in", { response: await passkey.get({ challenge }) }),
  "POST /v1/auth/refresh": (_, refreshToken) => scenario.auth("refresh", { refreshToken }),
  "POST /v1/auth/refresh (cookie)": (_, text) =>
    scenario.auth("refresh", undefined, {
      headers: { Cookie: `__Host-selvedge=${text}`, Origin: "https://edge.example" },
    }),
  "POST /v1/auth/sign-out": (_, refreshToken) => scenario.auth("sign-out", { refreshToken }),
  "Bearer at a collection": (_, token) => scenario.call("GET", "/v1/cart", { token }),
  "Bearer at an account": (_, token) => scenario.call("GET", "/v1/auth/user", { token }),
  "Bearer at a strict route": (_, token) =>
    scenario.call("POST", "/v1/checkout", { token, body: {}, headers: { "Idempotency-Key": crypto.randomUUID() } }),
  "Bearer of an admin": (_, token) => scenario.call("GET", "/v1/admin/users", { token }),
} satisfies Record<string, Door>

type DoorName = keyof typeof DOORS

interface Purpose {
  /** Where it belongs; it is used at the first, and then it is used up for all. */
  readonly own: readonly DoorName[]
  /** Where it works as well, and goes on to. */
  readonly also?: readonly DoorName[]
  /** Whether it is not used up. */
  readonly lasting?: boolean
  mint(person: Person): Promise<string> | string
}

const VERIFY: readonly DoorName[] = ["POST /v1/auth/email/verify", "POST /v1/auth/pages/verify"]
const RESET: readonly DoorName[] = ["POST /v1/auth/password/reset", "POST /v1/auth/pages/reset"]
const REFRESH: readonly DoorName[] = ["POST /v1/auth/refresh", "POST /v1/auth/refresh (cookie)"]
const EXCHANGE: readonly DoorName[] = ["POST /v1/auth/exchange"]

const PURPOSES: Record<string, Purpose> = {
  "the code of a mail": {
    own: ["POST /v1/auth/email/code/redeem"],
    async mint({ email }) {
      await scenario.auth("email/code", { email })
      return (await scenario.mail(email, "sign-in-code")).secret
    },
  },
  "the link of a mail": { own: ["POST /v1/auth/pages/sign-in"], mint: askLink },
  "the proof of an address": {
    own: VERIFY,
    mint: async ({ email }) => (await scenario.mail(email, "verify-email")).secret,
  },
  "the proof of a new address": {
    own: VERIFY.toReversed(),
    async mint({ email, token }) {
      await scenario.auth("email/change", { email: `new-${email}` }, { token })
      return (await scenario.mail(`new-${email}`, "change-email")).secret
    },
  },
  "the reset of a password": {
    own: RESET,
    async mint({ email }) {
      await scenario.auth("password/forgot", { email })
      return (await scenario.mail(email, "reset-password")).secret
    },
  },
  "an invite": {
    own: RESET.toReversed(),
    // the operator's command makes it, with this function
    async mint({ userId }) {
      const { secret, queries } = mint(scenario.now(), { purpose: "invite", userId, subject: userId })
      await env.DB.batch(queries.map(({ sql, params }) => env.DB.prepare(sql).bind(...params)))
      return secret
    },
  },
  "the code of a link for the site": {
    own: EXCHANGE,
    mint: async (person) => codeIn(await page("sign-in", await askLink(person))),
  },
  "the code of a provider for the site": {
    own: EXCHANGE,
    mint: async ({ userId }) =>
      (await scenario.arrive("acme", await scenario.leave("acme"), { sub: `stranger of ${userId}` })).code!,
  },
  "the code of an identity to link": {
    own: ["POST /v1/auth/identities"],
    async mint({ userId, token: accessToken }) {
      const away = await scenario.leaveToLink("acme", { accessToken })
      return (await scenario.arrive("acme", away, { sub: userId })).code!
    },
  },
  "the ticket for the second factor": {
    own: ["POST /v1/auth/mfa (ticket)"],
    mint: (person) => ticketOf(scenario, person),
  },
  "the state of a visit to a provider": {
    own: ["GET /v1/auth/oauth/{provider}/callback"],
    async mint({ userId }) {
      const away = await scenario.leave("acme")
      await scenario.visit("acme", away, { sub: `visitor of ${userId}` })
      return away.searchParams.get("state")!
    },
  },
  "the challenge of a new passkey": {
    own: ["POST /v1/auth/passkeys/register"],
    mint: async ({ token }) => (await scenario.auth("passkeys/register/options", undefined, { token })).body.challenge,
  },
  "the challenge of a sign-in by passkey": {
    own: ["POST /v1/auth/passkeys/sign-in"],
    mint: async () => (await scenario.auth("passkeys/sign-in/options")).body.challenge,
  },
  "a refresh token": {
    own: REFRESH,
    also: ["POST /v1/auth/sign-out"],
    mint: ({ session }) => session.refreshToken,
  },
  "a refresh token of the cookie": {
    own: REFRESH.toReversed(),
    also: ["POST /v1/auth/sign-out"],
    mint: ({ session }) => session.refreshToken,
  },
  "an access token": {
    own: ["Bearer at an account"],
    also: ["Bearer at a collection", "Bearer at a strict route"],
    lasting: true,
    mint: ({ token }) => token,
  },
  "an API key": {
    own: ["Bearer at a collection"],
    lasting: true,
    async mint({ token }) {
      const body = { name: "script", scopes: ["cart:read"] }
      return (await scenario.auth("keys", body, { token })).body.key
    },
  },
  "a service key": {
    own: ["Bearer of an admin"],
    also: ["Bearer at a collection", "Bearer at a strict route"],
    lasting: true,
    async mint({ userId, session }) {
      await env.DB.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(userId).run()
      const { body: admin } = await scenario.auth("refresh", { refreshToken: session.refreshToken })
      const made = await scenario.call("POST", "/v1/admin/keys", { token: admin.accessToken, body: { name: "mill" } })
      return made.body.key
    },
  },
  "a recovery code": { own: ["POST /v1/auth/mfa (recovery)"], mint: ({ recoveryCodes }) => recoveryCodes[3]! },
  "a code of the authenticator": {
    own: ["POST /v1/auth/mfa (totp)"],
    mint: ({ seed }) => codeOf(scenario, seed),
  },
  "the first code of an authenticator": {
    own: ["POST /v1/auth/totp/activate"],
    mint: ({ beginner: { seed } }) => codeOf(scenario, seed),
  },
  "the password": {
    own: ["POST /v1/auth/sign-in"],
    also: ["POST /v1/auth/password/change"],
    lasting: true,
    mint: () => PASSWORD,
  },
}

for (const [name, { own, also = [], lasting = false, mint }] of Object.entries(PURPOSES)) {
  test(`11, 12: ${name} is refused at every other door, and then opens its own, once if it is for once`, async () => {
    const person = await newPerson()
    const text = await mint(person)
    expect(text, "it was made").toMatch(/^.{6}/)
    for (const [door, present] of Object.entries<Door>(DOORS)) {
      if ([...own, ...also].includes(door as DoorName)) continue
      const answer = await present(person, text)
      expect([400, 401, 403, 422], `${door} answers ${answer.status} ${answer.text}`).toContain(answer.status)
      expect(answer.headers.get("Set-Cookie"), door).toBeNull()
      expect(answer.text, door).not.toContain(text)
    }
    expect(await scenario.call("GET", "/v1/auth/user", { token: person.token })).toMatchObject({ status: 200 })

    const open = async (door: DoorName) => outcomeOf(await (DOORS[door] as Door)(person, text))
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => open(own[0]!)))
    expect(outcomes.toSorted()).toEqual([
      ...Array(lasting ? 20 : 1).fill("opens"),
      ...Array(lasting ? 0 : 19).fill("refused"),
    ])
    for (const door of own) expect(await open(door), `${door} again`).toBe(lasting ? "opens" : "refused")
    for (const door of also) expect(await open(door), door).toBe("opens")
  })
}

test("11: every operation that takes a secret is among the doors", async () => {
  const harmless = ["email", "name", "redirectTo", "codeChallenge", "codeVerifier", "scopes", "expiresAt"]
  const known = Object.keys(DOORS).map((door) => door.replace(/ \(.*/, ""))
  // a new password is chosen there, none is proved
  const others = ["POST /v1/auth/sign-up"]
  const takesSecret = (await authOperations(scenario)).filter(({ fields }) =>
    fields.some((field) => !harmless.includes(field)),
  )
  expect(takesSecret.length).toBeGreaterThan(10)
  expect(takesSecret.map(({ name }) => name).filter((name) => !known.includes(name) && !others.includes(name))).toEqual(
    [],
  )
})

function outcomeOf({ status, headers, body, text }: Answer): "opens" | "refused" | string {
  if (body?.code === "cart_empty") return "opens"
  if (status < 400 && !headers.get("Location")?.includes("error=")) return "opens"
  return [400, 401, 409, 422, 429].includes(status) ? "refused" : `${status} ${text}`
}

async function newPerson(): Promise<Person> {
  const session: SessionBody & { email: string } = await scenario.newUser()
  const { accessToken: token, user } = session
  const passkey = await createAuthenticator()
  const options = (await scenario.auth("passkeys/register/options", undefined, { token })).body
  const response = await passkey.create(options)
  expect(await scenario.auth("passkeys/register", { response }, { token })).toMatchObject({ status: 201 })
  const visitor = (await scenario.auth("anonymous")).body as SessionBody
  const person = await protect(scenario, session)
  const begun = await scenario.auth("totp", undefined, { token: visitor.accessToken })
  const beginner = { token: visitor.accessToken, seed: begun.body.secret as string }
  expect(user.id).toBe(person.userId)
  return { ...person, token, passkey, beginner, tries: 0, ticket: ticketOf(scenario, person) }
}

/** One that has tries left. */
function nextTicket(person: Person): Promise<string> {
  if (++person.tries % TRIES === 0) person.ticket = ticketOf(scenario, person)
  return person.ticket
}

function page(name: string, token: string): Promise<Answer> {
  const body = new URLSearchParams({ token, password: NEW_PASSWORD }).toString()
  const headers = { "Content-Type": "application/x-www-form-urlencoded" }
  return scenario.call("POST", `/v1/auth/pages/${name}`, { body, headers })
}

async function askLink({ email }: Person): Promise<string> {
  await scenario.auth("email/link", { email, redirectTo: SITE, codeChallenge: CHALLENGE })
  return (await scenario.mail(email, "sign-in-link")).secret
}

function codeIn({ headers }: Answer): string {
  return new URL(headers.get("Location")!).searchParams.get("code")!
}
