/** The signed-in state: its tokens, kept and renewed once for all tabs. */

import type { Credentials, Http } from "./http.ts"
import { browser, type Tabs, type TextStorage } from "./platform.ts"
import { isProblem } from "./problem.ts"
import { Value } from "./store.ts"

/** Before its end a token is renewed, so that it doesn't end on its way. */
const MARGIN_S = 30
/** How long a tab waits to be told the token that another one has just got. */
const NEWS_WITHIN_MS = 300

/** The own account. */
export interface User {
  readonly id: string
  readonly email: string | null
  readonly emailVerified: boolean
  readonly name: string | null
  readonly roles: readonly string[]
  /** Made by `signInAnonymously`, without credentials. */
  readonly isAnonymous: boolean
  /** Whether a second factor is asked for. */
  readonly mfa: boolean
  readonly createdAt: string
  readonly updatedAt: string
}

/** What every way of signing in answers with. */
export interface SessionAnswer {
  readonly user: User
  readonly accessToken: string
  /** Seconds. */
  readonly expiresIn: number
  /** Absent where it is in a cookie. */
  readonly refreshToken?: string
}

interface Stored {
  readonly refreshToken?: string | undefined
  /** Under which it is renewed: one that was lost on its way is given again. */
  readonly key: string
  readonly user: User
}

interface Access {
  readonly token: string
  /** Milliseconds since 1970 by this clock, whatever the server's says. */
  readonly until: number
}

/** What tabs tell each other. */
interface News {
  readonly access: Access
  readonly key: string
}

export interface SessionOptions {
  readonly http: Http
  readonly storage: TextStorage
  /** The refresh token is in a cookie that no script can read. */
  readonly inCookie: boolean
}

export class Session implements Credentials {
  readonly user: Value<User | null>
  readonly inCookie: boolean
  readonly #http: Http
  readonly #storage: TextStorage
  readonly #name: string
  readonly #tabs: Tabs | undefined
  #access: Access | undefined
  /** Of the stored token that this tab knows. */
  #key: string | undefined
  #refreshing: Promise<string | undefined> | undefined

  constructor({ http, storage, inCookie }: SessionOptions) {
    this.#http = http
    this.#storage = storage
    this.inCookie = inCookie
    this.#name = `selvedge ${http.base}`
    const stored = this.#stored()
    this.#key = stored?.key
    this.user = new Value(stored?.user ?? null)
    this.#tabs = browser.document && browser.BroadcastChannel && new browser.BroadcastChannel(this.#name)
    this.#tabs?.addEventListener("message", ({ data }: { data: News | null }) => this.#hear(data))
    http.credentials = this
  }

  async token(): Promise<string | undefined> {
    if (this.#access && Date.now() < this.#access.until) return this.#access.token
    this.#refreshing ??= alone(this.#name, () => this.#refresh()).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async renew(refused: string): Promise<string | undefined> {
    if (this.#access?.token === refused) this.#access = undefined
    return this.token()
  }

  /** Takes what a way of signing in answered. */
  keep({ user, accessToken, expiresIn, refreshToken }: SessionAnswer): User {
    const lifeS = Math.max(expiresIn - MARGIN_S, expiresIn / 2)
    this.#access = { token: accessToken, until: Date.now() + lifeS * 1_000 }
    this.#key = crypto.randomUUID()
    const stored: Stored = { refreshToken, key: this.#key, user }
    this.#storage.setItem(this.#name, JSON.stringify(stored))
    this.#tabs?.postMessage({ access: this.#access, key: this.#key } satisfies News)
    this.#become(user)
    return user
  }

  /** The account has changed, and the session stands. */
  keepUser(user: User): User {
    const stored = this.#stored()
    if (stored) this.#storage.setItem(this.#name, JSON.stringify({ ...stored, user }))
    this.#become(user)
    return user
  }

  forget(): void {
    this.#access = undefined
    this.#key = undefined
    this.#storage.removeItem(this.#name)
    this.#tabs?.postMessage(null)
    this.#become(null)
  }

  async #refresh(): Promise<string | undefined> {
    let stored = this.#stored()
    if (stored && stored.key !== this.#key) {
      await this.#news()
      if (this.#access && Date.now() < this.#access.until) return this.#access.token
      stored = this.#stored()
    }
    this.#access = undefined
    if (!stored) {
      this.#become(null)
      return undefined
    }
    try {
      const { refreshToken, key } = stored
      const { body } = await this.#http.send({
        method: "POST",
        path: "/v1/auth/refresh",
        key,
        anonymous: true,
        cookies: this.inCookie,
        ...(refreshToken !== undefined && { body: { refreshToken } }),
      })
      this.keep(body as SessionAnswer)
      return this.#access!.token
    } catch (error) {
      if (!isProblem(error, "unauthenticated", "invalid_credentials", "token_expired")) throw error
      if (this.#stored()?.key === stored.key) this.forget()
      return undefined
    }
  }

  /** Another tab has renewed the token, and says so at any moment. */
  async #news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, NEWS_WITHIN_MS)
    const told = () => setTimeout(resolve) // after the listener that takes it in
    this.#tabs?.addEventListener("message", told)
    await promise
    clearTimeout(timer)
    this.#tabs?.removeEventListener("message", told)
  }

  #hear(news: News | null): void {
    this.#access = news?.access
    this.#key = news?.key
    this.#become(this.#stored()?.user ?? null)
  }

  #become(user: User | null): void {
    const before = this.user.get()
    if (JSON.stringify(before) === JSON.stringify(user)) return
    if (before?.id !== user?.id) this.#http.forgetAnswers()
    this.user.set(user)
  }

  #stored(): Stored | undefined {
    const text = this.#storage.getItem(this.#name)
    try {
      return text === null ? undefined : (JSON.parse(text) as Stored)
    } catch {
      return undefined // somebody else wrote there
    }
  }
}

/** One at a time, in all tabs of the site where there are locks. */
function alone<V>(name: string, work: () => Promise<V>): Promise<V> {
  const { locks } = browser.navigator ?? {}
  return locks ? locks.request(name, work) : work()
}

/** Where nothing outlives the program. */
export function memoryStorage(): TextStorage {
  const values = new Map<string, string>()
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  }
}
