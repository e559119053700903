import { env } from "cloudflare:workers"
import { beforeEach, expect, test, vi } from "vitest"
import { sha256 } from "../auth/secrets.ts"
import { SelvedgeError } from "../core/problem.ts"
import { createAttempts, type Guess } from "./attempts.ts"
import { GUESSING } from "./guessing.ts"
import type { Limiter } from "./limiter.ts"

const START = Date.UTC(2026, 10, 20, 12)
const MINUTE_MS = 60_000

const attempts = createAttempts({ namespace: env.LIMITER, now: () => now })
let now: number
let work: Promise<unknown>[]
let tests = 0
let account: string
let address: string

beforeEach(() => {
  now = START
  work = []
  tests++
  account = `ada-${tests}@example.com`
  address = `192.0.2.${tests}`
})

test("10: of 100 parallel wrong guesses at an account, from as many addresses, exactly 10 are made", async () => {
  const made = await parallel(100, (index) => guess(false, { address: `198.51.100.${index}` }))
  expect(made.filter((answer) => answer === "wrong")).toHaveLength(10)
  expect(made.filter(isRefused)).toHaveLength(90)
})

test("10: of 100 parallel wrong guesses from a /64, at as many accounts, exactly 50 are made", async () => {
  const made = await parallel(100, (index) =>
    guess(false, { address: `2001:db8:1:2::${index + 1}`, account: `bob-${index}@example.com` }),
  )
  expect(made.filter((answer) => answer === "wrong")).toHaveLength(50)
  expect(made.filter(isRefused)).toHaveLength(50)
})

test("10: 100 parallel right guesses all pass, at one account and from one address", async () => {
  expect(await parallel(100, () => guess(true))).toEqual(Array(100).fill("right"))
})

test("10: parallel right guesses pass from more addresses than one at more accounts than one", async () => {
  const made = await parallel(150, (index) =>
    guess(true, { account: `${index % 2}-${account}`, address: `198.51.100.${200 + (index % 3)}` }),
  )
  expect(made).toEqual(Array(150).fill("right"))
})

test("9: a refusal says when the next guess may be made", async () => {
  await fail(10)
  now += 2_500
  expect(await guess(true)).toMatchObject({ code: "rate_limited", headers: { "Retry-After": "298" } })
})

test("9: a guess that an account refuses doesn't use up what its address may do", async () => {
  await fail(10)
  await parallel(60, () => guess(false))
  expect(await guess(true, { account: `other-${account}` })).toBe("right")
})

test("9: guesses that waited for an account and were refused give back what they held of their address", async () => {
  const gate = Promise.withResolvers<void>()
  const slow = () => gate.promise.then(wrong)
  const started = parallel(10, (index) => attempts.guess(subject({ address: `198.51.100.${index}` }), slow))
  await vi.waitUntil(async () => "busy" in (await beginAtAccount()))
  const waiting = parallel(60, () => guess(true))
  await scheduler.wait(200)
  gate.resolve()
  await started
  expect((await waiting).every(isRefused)).toBe(true)
  expect(await guess(true, { account: `other-${account}` })).toBe("right")
})

test("10: a guess that an address refuses doesn't use up what an account may do", async () => {
  await parallel(50, (index) => guess(false, { account: `${index}-${account}` }))
  expect((await parallel(20, () => guess(false))).every(isRefused)).toBe(true)
  expect(await guess(true, { address: "203.0.113.7" })).toBe("right")
})

test("10: an address counts alike in all its spellings, and callers without one are counted together", async () => {
  const spellings = ["2001:db8:a::1", "2001:0DB8:A:0:0:0:0:2", "2001:db8:a:0:ffff::"]
  const others = [undefined, null, "", "unknown", "192.0.2.1, 192.0.2.2"]
  for (const headers of [spellings, others]) {
    const made = await parallel(60, (index) =>
      guess(false, { address: headers[index % headers.length], account: `${index}-${headers.length}-${account}` }),
    )
    expect(made.filter((answer) => answer === "wrong")).toHaveLength(50)
  }
})

test("9: a guess that throws has failed", async () => {
  for (let i = 0; i < 10; i++) {
    const thrown = await attempts.guess(subject(), () => Promise.reject(new Error("lost"))).catch((error) => error)
    expect(thrown).toMatchObject({ message: "lost" })
  }
  expect(isRefused(await guess(true))).toBe(true)
})

test("19: the second factor is locked by itself, after 10 failures in 15 minutes", async () => {
  for (let i = 0; i < 10; i++) expect(await guess(false, { flow: "secondFactor" })).toBe("wrong")
  now += 15 * MINUTE_MS - 1
  expect(isRefused(await guess(true, { flow: "secondFactor" }))).toBe(true)
  expect(await guess(true)).toBe("right")
  now++
  expect(await guess(true, { flow: "secondFactor" })).toBe("right")
})

test("9: clearing an account's guesses lets its owner in", async () => {
  await fail(10)
  await attempts.clear("signIn", account)
  expect(await guess(true)).toBe("right")
})

test("mails are counted per recipient and per caller, and a refused caller uses up nobody's mails", async () => {
  const mail = (to: string, from = address) => caught(attempts.count({ flow: "mail", account: to, address: from }))
  expect((await parallel(20, () => mail(account))).filter(isRefused)).toHaveLength(10)
  expect((await parallel(100, (index) => mail(`${index}-${account}`))).filter(isRefused)).toHaveLength(20)
  await parallel(20, () => mail("eve@example.com"))
  expect(await mail("eve@example.com", "203.0.113.9")).toBeUndefined()
})

test("sign-ups are counted per caller", async () => {
  const answers = await parallel(210, () => caught(attempts.count({ flow: "signUp", address })))
  expect(answers.filter(isRefused)).toHaveLength(10)
})

test("a flow that is counted by account can't be run without one", async () => {
  const { account: _, ...nobody } = subject()
  await expect(attempts.guess(nobody, right)).rejects.toThrow(TypeError)
})

test("10: one address can't use up the mails of a recipient, who still gets them from elsewhere", async () => {
  const mail = (from: string) => caught(attempts.count({ flow: "mail", account, address: from }))
  expect((await parallel(50, () => mail("203.0.113.1"))).filter(isRefused)).toHaveLength(40)
  for (const from of ["203.0.113.2", "203.0.113.3", "203.0.113.4"]) {
    expect((await parallel(10, () => mail(from))).filter(isRefused)).toHaveLength(0)
  }
  expect(await mail("203.0.113.5")).toMatchObject({ code: "rate_limited" })
})

test("15: no e-mail address stands in the name of an object", async () => {
  const names: string[] = []
  const namespace = withNames(env.LIMITER, names)
  await createAttempts({ namespace, now: () => now }).guess(subject(), right)
  expect(names).toEqual([`address:${address}`, expect.stringMatching(/^account:[\w-]{43}$/)])
})

test("9: nobody may guess while a limiter can't be reached, and the other one is given back", async () => {
  for (const broken of ["account:", "address:"]) {
    const failing = createAttempts({ namespace: withBroken(env.LIMITER, broken), now: () => now })
    let ran = false
    const run = async () => {
      ran = true
      return right()
    }
    for (let i = 0; i < 60; i++) {
      const refusal = await caught(failing.guess(subject(), run))
      expect(refusal).toMatchObject({ code: "overloaded", headers: { "Retry-After": "1" }, cause: { message: "away" } })
    }
    expect(ran).toBe(false)
  }
  await Promise.all(work)
  expect(await guess(true)).toBe("right")
})

function subject(changes: Partial<Guess> = {}): Guess {
  return { flow: "signIn", account, address, later: (promise) => work.push(promise), ...changes }
}

/** What the account's limiter says to one who doesn't wait; gives back at once what it gets. */
async function beginAtAccount() {
  const limiter = env.LIMITER.getByName(`account:${await sha256(account)}`)
  const begun = await limiter.begin([{ flow: "signIn", ...GUESSING.signIn.account }], now, { wait: false })
  if ("ticket" in begun) await limiter.settle(begun.ticket, "released")
  return begun
}

/** Settled before it returns, so that what follows doesn't wait. */
async function guess(ok: boolean, changes: Partial<Guess> = {}): Promise<unknown> {
  const own: Promise<unknown>[] = []
  const made = await caught(
    attempts.guess(subject({ later: (promise) => own.push(promise), ...changes }), ok ? right : wrong),
  )
  await Promise.all(own)
  return made
}

async function fail(times: number): Promise<void> {
  for (let i = 0; i < times; i++) expect(await guess(false)).toBe("wrong")
}

async function right() {
  return { ok: true, value: "right" }
}

async function wrong() {
  return { ok: false, value: "wrong" }
}

function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error)
}

function isRefused(answer: unknown): boolean {
  return answer instanceof SelvedgeError && answer.code === "rate_limited"
}

function parallel<T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => run(index)))
}

type Namespace = DurableObjectNamespace<Limiter>

function withNames(namespace: Namespace, names: string[]): Namespace {
  return replaceGet(namespace, (name) => {
    names.push(name)
    return namespace.getByName(name)
  })
}

/** As when an object is overloaded, or on its way to another machine. */
function withBroken(namespace: Namespace, prefix: string): Namespace {
  const away = () => Promise.reject(new Error("away"))
  return replaceGet(namespace, (name) =>
    name.startsWith(prefix) ? ({ begin: away } as unknown as DurableObjectStub<Limiter>) : namespace.getByName(name),
  )
}

function replaceGet(namespace: Namespace, getByName: (name: string) => DurableObjectStub<Limiter>): Namespace {
  return new Proxy(namespace, {
    get: (target, name) => (name === "getByName" ? getByName : Reflect.get(target, name)),
  })
}
