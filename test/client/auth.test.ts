/** Signing in by the client, and the life of its session, in Node against the shop. */

import { generateSync } from "otplib"
import { createClient, isProblem, type TextStorage } from "selvedge/client"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { PASSWORD, type Shop, startShop } from "./auth-fixture.ts"

/** What a test does to a request: answers it, fails it, or passes it on, changed or not. */
type Meddle = (request: Request, pass: () => Promise<Response>) => Promise<Response> | undefined

let shop: Shop
let people = 0

beforeAll(async () => {
  shop = await startShop()
})
afterAll(() => shop?.stop())
afterEach(() => {
  vi.useRealTimers()
})

/** A client of its own storage, whose requests are noted as `POST /v1/auth/sign-in`. */
function open({ storage = memory(), token }: { storage?: TextStorage; token?: string } = {}) {
  const requests: string[] = []
  const sent: Request[] = []
  const network: { meddle: Meddle | undefined } = { meddle: undefined }
  const client = createClient(shop.api, {
    storage,
    ...(token !== undefined && { token }),
    fetch: (async (...request: Parameters<typeof fetch>) => {
      const made = new Request(...request)
      requests.push(`${made.method} ${new URL(made.url).pathname}`)
      sent.push(made.clone())
      const pass = () => fetch(made)
      return network.meddle?.(made, pass) ?? pass()
    }) as typeof fetch,
  })
  const heard: (string | null)[] = []
  client.auth.onAuthChange((user) => heard.push(user?.email ?? (user && "visitor")))
  const count = (request: string) => requests.filter((made) => made === request).length
  return { client, auth: client.auth, storage, requests, sent, network, heard, count }
}

function memory(values: Readonly<Record<string, string>> = {}): TextStorage {
  const kept = new Map(Object.entries(values))
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  }
}

async function signedUp(name = "Ada") {
  const email = `${name.toLowerCase()}${++people}@example.com`
  const opened = open()
  const { user } = await opened.auth.signUp({ email, password: PASSWORD, name })
  return { ...opened, email, user: user! }
}

/** The same session, as the next page of the site finds it. */
function again({ storage }: { storage: TextStorage }) {
  return open({ storage })
}

const REFRESH = "POST /v1/auth/refresh"

describe("signing in", () => {
  test("signs up, is known at once to the next page, and signs out", async () => {
    const ada = await signedUp()
    expect(ada.user).toMatchObject({ email: ada.email, name: "Ada", isAnonymous: false })
    const next = again(ada)
    expect(next.auth.user).toEqual(ada.user)
    expect(await next.auth.refreshUser()).toBe(next.auth.user)
    await next.auth.signOut()
    expect(next.auth.user).toBeNull()
    expect(again(next).auth.user).toBeNull()
    expect(next.heard).toEqual([ada.email, null])
    await expect(next.auth.refreshUser()).rejects.toSatisfy((error) => isProblem(error, "unauthenticated"))
  })

  test("a wrong password is tried once, also by who is signed in", async () => {
    const { auth, email, count, user } = await signedUp()
    const wrong = auth.signIn({ email, password: "another passphrase" })
    await expect(wrong).rejects.toSatisfy((error) => isProblem(error, "invalid_credentials"))
    expect(count("POST /v1/auth/sign-in")).toBe(1)
    await expect(
      auth.changePassword({ currentPassword: "another passphrase", password: `${PASSWORD}!` }),
    ).rejects.toThrow()
    expect(count("POST /v1/auth/password/change")).toBe(1)
    expect(auth.user).toBe(user)
  })

  test("a visitor keeps the id with a new account, and is one visitor however often asked for", async () => {
    const { auth, count } = open()
    const [one, other] = await Promise.all([auth.signInAnonymously(), auth.signInAnonymously()])
    expect(one.user).toBe(other.user)
    expect((await auth.signInAnonymously()).user).toBe(one.user)
    expect(count("POST /v1/auth/anonymous")).toBe(1)
    const { user } = await auth.signUp({ email: `bea${++people}@example.com`, password: PASSWORD })
    expect(user).toMatchObject({ id: one.user.id, isAnonymous: false })
  })

  test("a visitor's cart goes along into an account that is there", async () => {
    const { email } = await signedUp()
    const { client, auth } = open()
    await auth.signInAnonymously()
    const [film] = (await client.films!.list({ limit: 1 })).data
    await client.cart!.create({ filmId: film!.id, quantity: 2 })
    await auth.signIn({ email, password: PASSWORD })
    expect((await client.cart!.list()).data).toMatchObject([{ filmId: film!.id, quantity: 2 }])
  })

  test("signs in by a code, and mails a link to choose a new password", async () => {
    const { auth } = open()
    const email = `cy${++people}@example.com`
    await auth.sendCode(email)
    const code = await shop.mailTo(email, "sign-in-code")
    expect(await auth.signInWithCode({ email, code })).toMatchObject({ user: { email, emailVerified: true } })
    await auth.forgotPassword(email)
    const link = new URL(await shop.mailTo(email, "reset-password"))
    const token = link.searchParams.get("token")!
    expect(await auth.resetPassword({ token, password: PASSWORD })).toMatchObject({ email })
    expect(await open().auth.signIn({ email, password: PASSWORD })).toMatchObject({ user: { email } })
  })

  test("asks for the second factor, and takes a recovery code for it", async () => {
    const { auth, email } = await signedUp()
    const { secret, uri } = await auth.totp.start()
    expect(uri).toContain("otpauth://totp/")
    const codes = await auth.totp.activate(generateSync({ secret }))
    expect(codes).toHaveLength(10)
    expect(auth.user).toMatchObject({ mfa: true })

    const other = open()
    const { user, mfa } = await other.auth.signIn({ email, password: PASSWORD })
    expect([user, other.auth.user]).toEqual([undefined, null])
    expect(mfa!.methods).toEqual(["totp", "recovery"])
    const answer = { ticket: mfa!.ticket, method: "recovery", code: codes[0]! } as const
    expect(await other.auth.verifySecondFactor(answer)).toMatchObject({ user: { email } })
    expect(await other.auth.totp.renewRecoveryCodes()).toHaveLength(10)
    await other.auth.totp.remove()
    expect(other.auth.user).toMatchObject({ mfa: false })
  })

  test("a client with a token of its own signs nobody in, and its key never makes a request anonymous", async () => {
    const { auth } = await signedUp()
    const { key, id } = await auth.keys.create({ name: "backup", scopes: ["cart:read"] })
    expect(await auth.keys.list()).toMatchObject([{ id, name: "backup" }])
    const program = open({ token: key })
    expect((await program.client.cart!.list()).data).toEqual([])
    await expect(program.auth.signIn({ email: "a@example.com", password: PASSWORD })).rejects.toThrow(TypeError)
    expect(program.auth.user).toBeNull()
    await auth.keys.revoke(id)
    const bad = open({ token: "slv_api_of_nobody" })
    await expect(bad.client.films!.list()).rejects.toSatisfy((error) => isProblem(error, "unauthenticated"))
    expect(bad.count("GET /v1/films")).toBe(1)
  })
})

test("a live list whose key is revoked has failed, and doesn't go on as what anybody may see", async () => {
  const { auth } = await signedUp()
  const { key, id } = await auth.keys.create({ name: "screen", scopes: ["films:read"] })
  const { client } = open({ token: key })
  const films = client.films!.watch({ limit: 1 })
  const stop = films.subscribe(() => undefined)
  await expect.poll(() => films.get().status).toBe("live")
  await auth.keys.revoke(id)
  await expect.poll(() => films.get().status).toBe("failed")
  await new Promise((done) => setTimeout(done, 4_000)) // it comes back meanwhile
  expect(films.get()).toMatchObject({ status: "failed", problem: { code: "unauthenticated" }, data: [] })
  stop()
  client.close()
})

test("a request of one's own with a key is not repeated by somebody else", async () => {
  const { client, auth, network, count } = await signedUp()
  network.meddle = ({ url }) => {
    if (!url.endsWith("/v1/checkout")) return undefined
    void auth.signOut()
    return Promise.resolve(new Response("", { status: 503 }))
  }
  await expect(client.request("POST", "/v1/checkout", { body: {}, key: "one" })).rejects.toSatisfy((error) =>
    isProblem(error, "unauthenticated"),
  )
  expect(count("POST /v1/checkout")).toBe(1)
})

describe("the own account", () => {
  test("is renamed, confirmed, given another address and password, and deleted", async () => {
    const { auth, email, user, heard } = await signedUp()
    expect(await auth.updateUser({ name: "Countess" })).toBe(auth.user)
    const token = new URL(await shop.mailTo(email, "verify-email")).searchParams.get("token")!
    expect(await auth.verifyEmail(token)).toMatchObject({ emailVerified: true })
    await expect(auth.requestVerification()).rejects.toSatisfy((error) => isProblem(error, "conflict"))
    expect(await auth.changeEmail(`new-${email}`)).toMatchObject({ email })
    const change = new URL(await shop.mailTo(`new-${email}`, "change-email")).searchParams.get("token")!
    expect(await auth.verifyEmail(change)).toMatchObject({ id: user.id, email: `new-${email}` })
    await auth.changePassword({ currentPassword: PASSWORD, password: `${PASSWORD} of mine` })
    await auth.deleteUser()
    expect(heard).toEqual([null, email, email, email, `new-${email}`, null])
    await expect(auth.signIn({ email, password: PASSWORD })).rejects.toThrow()
  })

  test("knows where it is signed in, and ends one place or all others", async () => {
    const here = await signedUp()
    const [there, elsewhere] = [open(), open()]
    for (const { auth } of [there, elsewhere]) await auth.signIn({ email: here.email, password: PASSWORD })
    const listed = await here.auth.sessions.list()
    expect(listed.map(({ current }) => current).toSorted()).toEqual([false, false, true])
    await here.auth.sessions.end(listed[0]!.id)
    await here.auth.sessions.endOthers()
    expect(await here.auth.sessions.list()).toHaveLength(1)
    await here.auth.sessions.end(listed.find(({ current }) => current)!.id)
    expect(here.auth.user).toBeNull()
  })
})

describe("a session", () => {
  test("renews once for all calls, and again when its token has expired on the way", async () => {
    const ada = await signedUp()
    const expired = await shop.expiredToken(ada.user.id)
    const { client, auth, network, count, heard } = again(ada)
    const before = auth.user
    await Promise.all(Array.from({ length: 5 }, () => client.cart!.list()))
    expect(count(REFRESH)).toBe(1)
    network.meddle = (request) => {
      network.meddle = undefined
      const headers = new Headers(request.headers)
      headers.set("Authorization", `Bearer ${expired}`)
      return fetch(new Request(request, { headers }))
    }
    await client.cart!.list()
    expect([count(REFRESH), count("GET /v1/cart")]).toEqual([2, 7])
    expect(auth.user).toBe(before)
    expect(heard).toEqual([ada.email])
  })

  test("stands when the answer of a refresh is lost: the same key brings it again", async () => {
    const ada = await signedUp()
    const { auth, network, count, sent } = again(ada)
    network.meddle = async (_, pass) => {
      network.meddle = undefined
      await pass()
      throw new TypeError("the connection was reset")
    }
    expect(await auth.refreshUser()).toMatchObject({ email: ada.email })
    expect(count(REFRESH)).toBe(2)
    const [key, ...others] = sent.slice(0, 2).map(({ headers }) => headers.get("Idempotency-Key"))
    expect(others).toEqual([key])
    expect(await again(ada).auth.refreshUser()).toMatchObject({ email: ada.email })
  })

  test("stands while the server can't be reached, or is overloaded", async () => {
    const ada = await signedUp()
    const { auth, network } = again(ada)
    const body = JSON.stringify({ code: "overloaded", status: 503, title: "Overloaded", detail: "Try later." })
    network.meddle = async () => new Response(body, { status: 503, headers: { "Retry-After": "120" } })
    await expect(auth.refreshUser()).rejects.toSatisfy((error) => isProblem(error, "overloaded"))
    expect(auth.user).not.toBeNull()
    network.meddle = undefined
    expect(await auth.refreshUser()).toMatchObject({ email: ada.email })
  })

  test("that has ended elsewhere signs out, and nothing is sent as nobody", async () => {
    const ada = await signedUp()
    const { client, auth, heard, count } = again(ada)
    await ada.auth.sessions.end((await ada.auth.sessions.list())[0]!.id)
    await expect(client.cart!.create({ filmId: "x", quantity: 1 })).rejects.toSatisfy((error) =>
      isProblem(error, "unauthenticated"),
    )
    expect(count("POST /v1/cart")).toBe(0)
    expect([auth.user, heard]).toEqual([null, [ada.email, null]])
  })

  test.each([-400, 400])("doesn't mind a clock that is wrong by %i days", async (days) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + days * 86_400_000 })
    const { client, count } = await signedUp()
    await client.cart!.list()
    await client.cart!.list()
    expect(count(REFRESH)).toBe(0)
  })

  test("notices that its time is over when the clock is set back, and when the machine has slept", async () => {
    const { client, count } = await signedUp()
    vi.useFakeTimers({ toFake: ["Date", "performance"] })
    vi.setSystemTime(Date.now() + 601_000) // asleep: the other clock stood still
    await client.cart!.list()
    expect(count(REFRESH)).toBe(1)
    vi.advanceTimersByTime(601_000)
    vi.setSystemTime(Date.now() - 86_400_000)
    await client.cart!.list()
    expect(count(REFRESH)).toBe(2)
    await client.cart!.list()
    expect(count(REFRESH)).toBe(2)
  })

  test.each(["", "no JSON", "null", "7", "{}", '{"key":1,"user":{}}'])(
    "takes %o in its storage for nothing",
    async (text) => {
      const { auth, client, requests } = open({ storage: memory({ [`selvedge ${shop.api}`]: text }) })
      expect(auth.user).toBeNull()
      expect((await client.films!.list({ limit: 1 })).data).toHaveLength(1)
      expect(requests).toEqual(["GET /v1/films"])
    },
  )

  test("lives in memory where the storage throws", async () => {
    const broken = () => {
      throw new DOMException("forbidden", "SecurityError")
    }
    const { auth } = open({ storage: { getItem: broken, setItem: broken, removeItem: broken } })
    const { user } = await auth.signUp({ email: `dee${++people}@example.com`, password: PASSWORD })
    expect(await auth.refreshUser()).toBe(user)
  })

  test("of another API is another one", async () => {
    const ada = await signedUp()
    const elsewhere = createClient(shop.api.replace("localhost", "127.0.0.1"), { storage: ada.storage })
    expect(elsewhere.auth.user).toBeNull()
  })

  test("of another user finds no answers of the one before, and takes over none of the writes", async () => {
    const ada = await signedUp()
    const bea = await signedUp("Bea")
    const { client, auth, sent, network } = again(ada)
    await client.films!.list({ limit: 1 })
    await client.films!.list({ limit: 1 })
    expect(sent.at(-1)!.headers.get("If-None-Match")).not.toBeNull()

    const { promise: lost, reject } = Promise.withResolvers<Response>()
    network.meddle = () => lost
    const write = client.cart!.create({ filmId: "x", quantity: 1 })
    write.catch(() => undefined)
    await expect.poll(() => sent.at(-1)!.method).toBe("POST")
    network.meddle = undefined
    await auth.signIn({ email: bea.email, password: PASSWORD })
    reject(new TypeError("the connection was reset"))
    await expect(write).rejects.toSatisfy((error) => isProblem(error, "unauthenticated"))

    await client.films!.list({ limit: 1 })
    expect(sent.at(-1)!.headers.get("If-None-Match")).toBeNull()
  })

  test("ends here even when the server doesn't hear of it", async () => {
    const ada = await signedUp()
    const { auth, network, requests } = again(ada)
    await auth.signOut()
    expect(requests).toEqual(["POST /v1/auth/sign-out"])
    await expect(ada.auth.sessions.list()).rejects.toThrow()

    const bea = await signedUp("Bea")
    network.meddle = async () => Promise.reject(new TypeError("no network"))
    bea.network.meddle = network.meddle
    await expect(bea.auth.signOut()).rejects.toSatisfy((error) => isProblem(error, "unreachable"))
    expect(again(bea).auth.user).toBeNull()
  })
})
