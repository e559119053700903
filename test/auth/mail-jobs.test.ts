/** Mails of sign-in as jobs: sent in the end whatever fails before, with a secret that is made when the mail is. */

import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { MailError, type MailTransport } from "../../src/mail/mail.ts"
import type { Answer } from "../fixture/scenario.ts"
import { toMessage } from "../fixture/work.ts"
import { type AuthScenario, createAuthScenario, PASSWORD } from "./scenario.ts"
import { codeUser, newAddress, verify } from "./verify-scenario.ts"

const HOUR = 3_600_000
const NEW_PASSWORD = "another long passphrase"
const SITE = { redirectTo: "http://localhost:8788/", codeChallenge: "c".repeat(43) }
const FIRST = { password: { verifyEmail: "first" } } as const
const AWAY = new MailError("resend", "unknown", 503)

/** Each kind of mail with a secret: how it is asked for, and what uses the secret. */
const KINDS: Readonly<
  Record<
    string,
    {
      ask(scenario: AuthScenario, email: string): Promise<Answer>
      use(scenario: AuthScenario, email: string, secret: string): Promise<Answer>
      /** Before the mail: who has the address, or wants it. */
      prepare?: (scenario: AuthScenario, email: string) => Promise<unknown>
      options?: typeof FIRST
    }
  >
> = {
  "sign-in-code": {
    ask: (scenario, email) => scenario.auth("email/code", { email }),
    use: (scenario, email, code) => scenario.auth("email/code/redeem", { email, code }),
  },
  "sign-in-link": {
    ask: (scenario, email) => scenario.auth("email/link", { email, ...SITE }),
    use: (scenario, _, token) => scenario.call("POST", `/v1/auth/pages/sign-in?token=${token}`),
  },
  "reset-password": {
    prepare: (scenario, email) => codeUser(scenario, email),
    ask: (scenario, email) => scenario.auth("password/forgot", { email }),
    use: (scenario, _, token) => scenario.auth("password/reset", { token, password: NEW_PASSWORD }),
  },
  "verify-email": {
    ask: (scenario, email) => scenario.auth("sign-up", { email, password: PASSWORD }),
    use: (scenario, _, token) => verify(scenario, token),
  },
  "verify-email, first": {
    options: FIRST,
    ask: (scenario, email) => scenario.auth("sign-up", { email, password: PASSWORD }),
    use: (scenario, _, token) => verify(scenario, token),
  },
  "change-email": {
    prepare: (scenario, email) => codeUser(scenario, `former-${email}`),
    async ask(scenario, email) {
      const { accessToken } = await codeUser(scenario, `former-${email}`)
      return scenario.auth("email/change", { email }, { token: accessToken })
    },
    use: (scenario, _, token) => verify(scenario, token),
  },
}

type Sent = Parameters<MailTransport["send"]>[0]

/** Stands in for the provider: sees all mails to the address, and fails with as many of them as told. */
function watchProvider(scenario: AuthScenario, email: string) {
  const { transport } = scenario.work.background
  const take = transport.send
  const seen: (Sent & { secret: string })[] = []
  const provider = { seen, failures: 0, error: AWAY }
  transport.send = async (mail) => {
    if (mail.to !== email) return take(mail)
    seen.push({ ...mail, secret: /token=([\w-]+)|^(\d{6})$/m.exec(mail.text)?.slice(1).find(Boolean) ?? "" })
    if (provider.failures-- > 0) throw provider.error
    await take(mail)
  }
  return provider
}

/** Lets time pass, with all retries that are due by then. */
async function pass(scenario: AuthScenario, ms: number, steps = 10): Promise<void> {
  await scenario.settled()
  for (let step = 0; step < steps; step++) {
    scenario.advance(ms / steps)
    await scenario.work.tick()
    await scenario.settled()
  }
}

interface JobRow {
  id: string
  state: string
  input: string
  result: string | null
  errors: string
  attempts: number
}

async function lastJob(): Promise<JobRow> {
  const row = await env.DB.prepare("SELECT * FROM _jobs WHERE name = 'mail' ORDER BY id DESC LIMIT 1").first<JobRow>()
  return row!
}

const isDone = ({ status }: Answer) => status < 400

/** All that is stored but caught mails, and all that is logged but their lines. */
async function everything(scenario: AuthScenario): Promise<string> {
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND (name LIKE '\\_%' ESCAPE '\\') AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name <> '_mails'",
  ).all<{ name: string }>()
  const rows = await Promise.all(tables.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}"`).all()))
  return JSON.stringify([rows.map(({ results }) => results), scenario.logged.filter(({ event }) => event !== "mail")])
}

function holds(text: string, secret: string): boolean {
  return new RegExp(`(?<![\\w-])${secret}(?![\\w-])`).test(text)
}

test.for(Object.entries(KINDS))(
  "a provider that fails twice takes one mail: the secret of %s works, those of the failures don't",
  async ([, { prepare, ask, use, options }]) => {
    const scenario = createAuthScenario(options)
    const email = newAddress()
    await prepare?.(scenario, email)
    const mailsBefore = (await scenario.mails(email)).length
    const provider = watchProvider(scenario, email)
    provider.failures = 2
    expect(isDone(await ask(scenario, email))).toBe(true)
    await pass(scenario, 60_000)
    const [first, second, third] = provider.seen.map(({ secret }) => secret)
    expect(provider.seen).toHaveLength(3)
    expect(new Set([first, second, third]).size).toBe(3)
    expect((await scenario.mails(email)).at(-1)).toMatchObject({ secret: third })
    expect(await scenario.mails(email)).toHaveLength(mailsBefore + 1)
    for (const dead of [first!, second!]) expect(isDone(await use(scenario, email, dead))).toBe(false)
    expect(isDone(await use(scenario, email, third!))).toBe(true)
  },
)

test.for(Object.entries(KINDS))(
  "15: the secret of %s is in no job, no other row and no line of the log, also when the provider fails",
  async ([, { prepare, ask, options }]) => {
    const scenario = createAuthScenario(options)
    const email = newAddress()
    await prepare?.(scenario, email)
    const provider = watchProvider(scenario, email)
    provider.failures = 1
    await ask(scenario, email)
    const asked = await lastJob()
    const whole = [await everything(scenario)]
    await pass(scenario, 20_000, 1)
    whole.push(await everything(scenario))
    await pass(scenario, 20_000, 1)
    whole.push(await everything(scenario))
    expect(provider.seen).toHaveLength(2)
    for (const { secret } of provider.seen)
      for (const text of whole) expect(holds(text, secret), "a secret is there").toBe(false)
    const caught = JSON.stringify(await scenario.mails(email))
    expect(holds(caught, provider.seen[1]!.secret), "the search finds what is there").toBe(true)
    const job = await lastJob()
    expect(job).toMatchObject({ id: asked.id, state: "succeeded", attempts: 2, input: asked.input })
    for (const text of [email, "argon2", PASSWORD]) expect(JSON.stringify(job)).not.toContain(text)
    expect(JSON.parse(job.errors)).toMatchObject([{ message: "resend did not take a mail: 503 unknown" }])
  },
)

test("15: a template that quotes the secret in its error gets it into no job and no log", async () => {
  const links: string[] = []
  const scenario = createAuthScenario({
    mail: {
      templates: {
        "sign-in-link": (facts) => {
          links.push(facts.link!)
          throw new Error(`no words for ${facts.link}`)
        },
      },
    },
  })
  await scenario.auth("email/link", { email: newAddress(), ...SITE })
  await scenario.settled()
  const job = await lastJob()
  expect(JSON.parse(job.errors)).toMatchObject([{ message: expect.stringContaining("no words for https://") }])
  expect(holds(await everything(scenario), new URL(links[0]!).searchParams.get("token")!)).toBe(false)
})

test("a mail that died is sent when it is retried, with a secret that is fresh then", async () => {
  for (const { prepare, ask, use, options } of Object.values(KINDS)) {
    const scenario = createAuthScenario(options)
    const email = newAddress()
    await prepare?.(scenario, email)
    const provider = watchProvider(scenario, email)
    provider.failures = 9
    await ask(scenario, email)
    await pass(scenario, 9 * HOUR, 9)
    const job = await lastJob()
    expect(job).toMatchObject({ state: "dead", attempts: 9 })
    expect(provider.seen).toHaveLength(9)
    await pass(scenario, 48 * HOUR, 1)
    const service = await scenario.as("service")
    expect(await service.post(`/v1/admin/jobs/${job.id}/retry`)).toMatchObject({ status: 200 })
    const { secret } = await scenario.mail(email)
    expect(provider.seen).toHaveLength(10)
    expect(secret).toBe(provider.seen.at(-1)!.secret)
    expect(isDone(await use(scenario, email, provider.seen.at(-2)!.secret))).toBe(false)
    const used = await use(scenario, email, secret)
    expect(isDone(used), used.text).toBe(true)
  }
})

test("a message that comes twice mails once, and one that is lost is found by the clock", async () => {
  const scenario = createAuthScenario()
  const [twice, lost] = [newAddress(), newAddress()]
  await scenario.auth("email/code", { email: twice })
  scenario.work.messages.push(...scenario.work.messages.map(({ body }) => toMessage(body)))
  await scenario.settled()
  scenario.work.messages.push(toMessage({ id: (await lastJob()).id }))
  expect(await scenario.mails(twice)).toHaveLength(1)

  await scenario.auth("email/code", { email: lost })
  scenario.work.messages.splice(0)
  expect(await scenario.mails(lost)).toHaveLength(0)
  await pass(scenario, 31_000, 1)
  const { secret: code } = await scenario.mail(lost)
  expect(await scenario.auth("email/code/redeem", { email: lost, code })).toMatchObject({ status: 200 })
})

test("an account that is banned or gone gets no mail of any kind, and the job says so", async () => {
  for (const change of ["banned_until = 9e15", "deleted_at = 1"]) {
    const scenario = createAuthScenario()
    const { user, email, accessToken } = await codeUser(scenario)
    const before = (await scenario.mails(email)).length
    const another = newAddress()
    await scenario.auth("email/link", { email, ...SITE })
    await scenario.auth("email/code", { email })
    await scenario.auth("password/forgot", { email })
    await scenario.auth("email/change", { email: another }, { token: accessToken })
    await env.DB.prepare(`UPDATE _users SET ${change} WHERE id = ?`).bind(user.id).run()
    await pass(scenario, HOUR)
    expect(await scenario.mails(email)).toHaveLength(before)
    expect(await scenario.mails(another)).toHaveLength(0)
    const { results } = await env.DB.prepare(
      "SELECT state, attempts, result FROM _jobs WHERE name = 'mail' ORDER BY id DESC LIMIT 4",
    ).all()
    const quiet = { state: "succeeded", attempts: 1, result: '{"notSent":"no_account"}' }
    expect(results).toEqual([quiet, quiet, quiet, quiet])
    const left = env.DB.prepare("SELECT count(*) AS n FROM _one_time WHERE instr(payload, ?)").bind(email)
    expect(await left.first("n")).toBe(0)
  }
})

test("a secret that got through though the provider said no is used, and no second mail follows", async () => {
  for (const [kind, result] of [
    ["sign-in-link", '{"notSent":"used"}'],
    ["sign-in-code", '{"notSent":"used"}'],
    ["verify-email", '{"notSent":"void"}'],
    ["reset-password", '{"notSent":"void"}'],
  ]) {
    const { prepare, ask, use } = KINDS[kind!]!
    const scenario = createAuthScenario()
    const email = newAddress()
    await prepare?.(scenario, email)
    const provider = watchProvider(scenario, email)
    provider.failures = 1
    await ask(scenario, email)
    await scenario.settled()
    const { id } = await lastJob()
    expect(isDone(await use(scenario, email, provider.seen[0]!.secret))).toBe(true)
    await pass(scenario, 60_000)
    expect(provider.seen.filter(({ purpose }) => purpose === kind)).toHaveLength(1)
    const job = await env.DB.prepare("SELECT * FROM _jobs WHERE id = ?").bind(id).first()
    expect(job, kind).toMatchObject({ state: "succeeded", attempts: 2, result })
  }
})

test("of two links that were asked for before the first was sent, one mail goes out", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  for (let i = 0; i < 2; i++) await scenario.auth("email/link", { email, ...SITE })
  expect(await scenario.mails(email)).toHaveLength(1)
  const { secret } = await scenario.mail(email)
  expect(await scenario.call("POST", `/v1/auth/pages/sign-in?token=${secret}`)).toMatchObject({ status: 303 })
})

test("13: a code whose mail had to wait doesn't void the newer one, and no longer comes", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const provider = watchProvider(scenario, email)
  provider.failures = 1
  await scenario.auth("email/code", { email })
  await scenario.settled()
  await scenario.auth("email/code", { email })
  await pass(scenario, 60_000)
  expect(provider.seen).toHaveLength(2)
  const { secret: code } = provider.seen[1]!
  expect(await scenario.auth("email/code/redeem", { email, code })).toMatchObject({ status: 200 })
})

test("6: a new password takes back the links, codes and resets whose mails still wait", async () => {
  const scenario = createAuthScenario()
  const { email } = await codeUser(scenario)
  await scenario.auth("password/forgot", { email })
  const { secret: token } = await scenario.mail(email, "reset-password")
  const before = (await scenario.mails(email)).length
  await scenario.auth("email/link", { email, ...SITE })
  await scenario.auth("email/code", { email })
  expect(await scenario.auth("password/reset", { token, password: NEW_PASSWORD })).toMatchObject({ status: 200 })
  const mails = (await scenario.mails(email)).slice(before)
  expect(mails.map(({ purpose }) => purpose)).toEqual(["password-changed"])
})

test("47: a sign-up whose mail still waits counts beside one whose link is used", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const passwords = ["the password of somebody else", PASSWORD]
  await scenario.auth("sign-up", { email, password: passwords[0] })
  const { secret: token } = await scenario.mail(email)
  await scenario.auth("sign-up", { email, password: passwords[1] })
  expect(await verify(scenario, token)).toMatchObject({ status: 200 })
  for (const password of passwords)
    expect(await scenario.auth("sign-in", { email, password })).toMatchObject({ status: 401 })
})

test("a sign-up keeps its password when its link is used before the job has seen its mail through", async () => {
  const scenario = createAuthScenario(FIRST)
  const email = newAddress()
  const provider = watchProvider(scenario, email)
  provider.failures = 1
  await scenario.auth("sign-up", { email, password: PASSWORD })
  await scenario.settled()
  expect(await verify(scenario, provider.seen[0]!.secret)).toMatchObject({ status: 200 })
  expect(await scenario.auth("sign-in", { email, password: PASSWORD })).toMatchObject({ status: 200 })
})

test("8: with verification first, a known and an unknown address cost the same, to the row, and only the mails differ", async () => {
  const scenario = createAuthScenario(FIRST)
  const { email: known } = await codeUser(scenario)
  const unknown = newAddress()
  const costs = []
  for (const email of [known, unknown]) {
    const answer = await scenario.auth("sign-up", { email, password: PASSWORD })
    const { trips, statements, rowsWritten } = scenario.logged.filter(({ event }) => event === "request").at(-1)!
    const { name, state, input } = (await lastJob()) as JobRow & { name: string }
    const { purpose } = await scenario.mail(email)
    costs.push({ status: answer.status, trips, statements, rowsWritten, name, state, size: input.length, purpose })
  }
  expect(costs[0]).toEqual({ ...costs[1], purpose: "already-registered" })
  expect(costs[1]).toMatchObject({ status: 202, trips: 1, purpose: "verify-email" })
  const left = env.DB.prepare("SELECT count(*) AS n FROM _one_time WHERE subject = ?").bind(known)
  expect(await left.first("n")).toBe(0)
})

test("a refusal that can't get better makes a dead letter at once", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const provider = watchProvider(scenario, email)
  Object.assign(provider, { failures: 9, error: new MailError("resend", "validation_error", 422) })
  await scenario.auth("email/code", { email })
  await scenario.settled()
  expect(await lastJob()).toMatchObject({ state: "dead", attempts: 1 })
  expect(provider.seen).toHaveLength(1)
})

test("the notices about an account name it, and come though the provider is away at first", async () => {
  const scenario = createAuthScenario()
  const { user, email, accessToken } = await codeUser(scenario)
  const provider = watchProvider(scenario, email)
  const another = newAddress()
  await scenario.auth("email/change", { email: another }, { token: accessToken })
  provider.failures = 1
  expect(await verify(scenario, (await scenario.mail(another)).secret)).toMatchObject({ status: 200 })
  await pass(scenario, 60_000)
  expect(provider.seen.map(({ purpose }) => purpose)).toEqual(["email-changed", "email-changed"])
  expect((await lastJob()).input).not.toContain(email)

  await scenario.auth("password/forgot", { email: another })
  const { secret: token } = await scenario.mail(another, "reset-password")
  await scenario.auth("password/reset", { token, password: NEW_PASSWORD })
  const job = await lastJob()
  expect(JSON.parse(job.input)).toEqual({ purpose: "password-changed", userId: user.id })
  expect((await scenario.mail(another)).purpose).toBe("password-changed")
})

test("the operator can't change an order into another, nor where its link leads", async () => {
  const scenario = createAuthScenario()
  const email = newAddress()
  const provider = watchProvider(scenario, email)
  Object.assign(provider, { failures: 1, error: new MailError("catcher", "not_one_address") })
  await scenario.auth("sign-up", { email, password: PASSWORD })
  await scenario.settled()
  const { id, input } = await lastJob()
  const service = await scenario.as("service")
  const retry = (edited: unknown) => service.post(`/v1/admin/jobs/${id}/retry`, { body: { input: edited } })
  const { order } = JSON.parse(input)
  expect(await retry({ purpose: "verify-email", order, baseUrl: "https://elsewhere.example" })).toMatchObject({
    status: 422,
  })
  expect(await retry({ purpose: "email-changed", order })).toMatchObject({ status: 200 })
  await scenario.settled()
  expect(await lastJob()).toMatchObject({ state: "succeeded", result: '{"notSent":"void"}' })
  expect(provider.seen).toHaveLength(1)
})
