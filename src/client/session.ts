/** The signed-in state: its tokens, kept and renewed once for all tabs. */

import type { User } from "./account.ts"
import { type Credentials, type Http, pause } from "./http.ts"
import { watchNetwork } from "./network.ts"
import { browser, type Tabs, type TextStorage } from "./platform.ts"
import { isProblem } from "./problem.ts"
import { newRecordId } from "./record-id.ts"
import { forgiving, type Keeping, memoryStorage, storageOf } from "./storage.ts"
import { Value } from "./store.ts"

/** Before its end a token is renewed, so that it doesn't end on its way. */
const MARGIN_S = 30
/** How long a tab waits to be told the token that another one has just got. */
const NEWS_WITHIN_MS = 1_500

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
  /** Milliseconds since 1970 by this machine's clock, whatever the server's says. */
  readonly until: number
}

/** What tabs tell each other: what was stored, under which key, and by which it is replaced. */
interface News {
  readonly from: string | undefined
  readonly key: string | undefined
  readonly text: string | undefined
  readonly access: Access | undefined
}

export interface SessionOptions {
  readonly http: Http
  readonly keeping: Keeping
  /** Whoever it belongs to; nobody signs in then. */
  readonly token?: string | undefined
}

export class Session implements Credentials {
  readonly user: Value<User | null>
  /** The refresh token is in a cookie that no script can read. */
  readonly inCookie: boolean
  /** The token that the client was given. */
  readonly given: string | undefined
  readonly #http: Http
  readonly #storage: TextStorage
  readonly #name: string
  /** Each tab has its own storage, which begins as a copy when the tab is doubled. */
  readonly #isCopied: boolean
  /** Where the storage is shared. */
  readonly #tabs: Tabs | undefined
  #access: Access | undefined
  /** When it ends by a clock that nobody sets, but that may stand still while the machine sleeps. */
  #endsAt = 0
  /** Of the stored token that this tab knows. */
  #key: string | undefined
  #news: News | undefined
  /** Another tab's, whose token this one hasn't been told yet. */
  #expected: string | undefined
  #awaiting: AbortController | undefined
  #refreshing: Promise<string | undefined> | undefined

  constructor({ http, keeping, token }: SessionOptions) {
    this.#http = http
    this.given = token
    this.inCookie = keeping === "cookie"
    this.#isCopied = keeping === "session"
    this.#name = `selvedge ${http.base}`
    const storage = token === undefined ? storageOf(keeping) : undefined
    this.#storage = storage ? forgiving(storage) : memoryStorage()
    const stored = this.#stored()
    this.#key = stored?.key
    this.user = new Value(stored?.user ?? null)
    http.credentials = this
    if (!storage || !browser.document) return
    this.#tabs = browser.BroadcastChannel && new browser.BroadcastChannel(this.#name)
    this.#tabs?.addEventListener("message", ({ data }: { data: News }) => this.#hear(data))
    browser.addEventListener?.("storage", () => this.#look())
    watchNetwork(() => this.#look()) // a page that slept has heard nothing
  }

  async token(): Promise<string | undefined> {
    if (this.given !== undefined) return this.given
    if (this.#isFresh()) return this.#access!.token
    if (!this.#refreshing && !this.#look()) return undefined
    this.#refreshing ??= this.alone(() => this.#refresh()).finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  /** @returns Undefined where there is no other. */
  async renew(refused: string | undefined = this.#access?.token): Promise<string | undefined> {
    if (this.given !== undefined) return undefined
    if (this.#access?.token === refused) this.#access = undefined
    return this.token()
  }

  /** Who is signed in by now, as far as can be known without asking. */
  present(): User | null {
    this.#look()
    return this.user.get()
  }

  /** One at a time, in all tabs where there are locks. What the tab before it stored may come late: it is waited for. */
  async alone<V>(work: () => Promise<V>): Promise<V> {
    const { locks } = browser.navigator ?? {}
    if (!this.#tabs || !locks) return work()
    const before = this.#key
    let working: Promise<V> | undefined
    let isFirst = true
    const until = async (lock: unknown) => {
      if (!lock) return
      if (!isFirst && this.#look()?.key === before) await this.#awaitNews()
      working = work()
      await working.catch(() => undefined)
    }
    try {
      await locks.request(this.#name, { ifAvailable: true }, until)
      isFirst = false
      if (!working) await locks.request(this.#name, {}, until)
    } catch {} // forbidden where storage is
    return working ?? work()
  }

  /** Takes what a way of signing in answered. */
  keep({ user, accessToken, expiresIn, refreshToken }: SessionAnswer): User {
    const lifeS = Math.max(expiresIn - MARGIN_S, expiresIn / 2)
    this.#take({ token: accessToken, until: Date.now() + lifeS * 1_000 })
    this.#store({ refreshToken, key: newRecordId(), user })
    return this.user.get()!
  }

  /** The account has changed, and the session stands. */
  keepUser(user: User): User {
    const stored = this.#look()
    if (stored?.user.id !== user.id) return user
    this.#store({ ...stored, user })
    return this.user.get()!
  }

  /** @returns The refresh token that there was. */
  forget(): string | undefined {
    const stored = this.#stored()
    this.#access = undefined
    this.#store(undefined)
    return stored?.refreshToken
  }

  #store(next: Stored | undefined): void {
    const from = this.#key
    const text = next && JSON.stringify(next)
    this.#write(text)
    this.#key = next?.key
    this.#tabs?.postMessage({ from, key: this.#key, text, access: this.#access } satisfies News)
    this.#become(next?.user ?? null)
  }

  async #refresh(): Promise<string | undefined> {
    let stored = this.#look()
    if (stored && stored.key === this.#expected) stored = await this.#awaitNews()
    if (!stored || this.#isFresh()) return this.#access?.token
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
      if (this.#stored()?.key === key) this.keep(body as SessionAnswer)
      else this.#look() // signed out meanwhile, or in
    } catch (error) {
      if (!isProblem(error, "unauthenticated", "invalid_credentials", "token_expired")) throw error
      if (this.#stored()?.key === stored.key) this.forget()
    }
    return this.#access?.token
  }

  /** What is stored, which may be another tab's doing. */
  #look(): Stored | undefined {
    const stored = this.#stored()
    if (stored?.key !== this.#key) {
      this.#key = stored?.key
      this.#take(this.#news?.key === stored?.key ? this.#news?.access : undefined)
      this.#expected = this.#access ? undefined : stored?.key
    }
    this.#become(stored?.user ?? null)
    return stored
  }

  #hear(news: News): void {
    this.#news = news
    if (this.#isCopied && news.from !== undefined && this.#stored()?.key === news.from) this.#write(news.text)
    this.#look()
    if (news.key === this.#key && news.access) this.#take(news.access)
    this.#awaiting?.abort()
  }

  async #awaitNews(): Promise<Stored | undefined> {
    this.#awaiting = new AbortController()
    await pause(NEWS_WITHIN_MS, this.#awaiting.signal).catch(() => undefined)
    this.#expected = undefined
    return this.#look()
  }

  #take(access: Access | undefined): void {
    this.#access = access
    if (access) this.#endsAt = performance.now() + access.until - Date.now()
  }

  /** By both clocks: one may be set back, the other one stop. */
  #isFresh(): boolean {
    return this.#access !== undefined && Date.now() < this.#access.until && performance.now() < this.#endsAt
  }

  #become(user: User | null): void {
    const before = this.user.get()
    if (JSON.stringify(before) === JSON.stringify(user)) return
    if (before?.id !== user?.id) this.#http.forgetAnswers()
    this.user.set(user)
  }

  #write(text: string | undefined): void {
    if (text === undefined) this.#storage.removeItem(this.#name)
    else this.#storage.setItem(this.#name, text)
  }

  #stored(): Stored | undefined {
    try {
      const stored = JSON.parse(this.#storage.getItem(this.#name)!) as Stored | null
      return stored && typeof stored.key === "string" && typeof stored.user.id === "string" ? stored : undefined
    } catch {
      return undefined // somebody else wrote there
    }
  }
}
