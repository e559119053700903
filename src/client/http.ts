/** One request to the API: its tries, its token, and what is carried from answer to answer. */

import { browser, type TextStorage, webStorage } from "./platform.ts"
import { type ProblemError, problemOf, unreachable } from "./problem.ts"
import { jsonText } from "./query-string.ts"

const MOST_TRIES = 5
const FIRST_WAIT_MS = 300
const LONGEST_WAIT_MS = 10_000
/** What the server asks to wait for longer is told to the caller instead. */
const MOST_RETRY_AFTER_S = 60
const ANSWER_WITHIN_MS = 30_000
/** Answers that are kept with their ETags. */
const MOST_KEPT = 100
/** Nothing has happened, or the idempotency key tells that it has. */
const PASSING = [429, 502, 503, 504]
/** From here on it is the edge that couldn't reach the server. */
const OF_EDGE = 520
/** Happen as often as one likes. */
const READING = ["GET", "HEAD"]
/** What the API gives is JSON: a page is of somebody on the way, such as a hotel that asks to sign in. */
const NOT_OURS = /html|json/

export interface Call {
  readonly method: string
  /** With its query, from the API's root. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** The intent: repeats of it are one. Without a key a write is tried once. */
  readonly key?: string
  readonly signal?: AbortSignal | undefined
  /** Sent as nobody. */
  readonly anonymous?: boolean
  /** Before each try, once it is known who it is from. Throws when that is not who it should be from. */
  check?(): void
  /** Sends and takes cookies. */
  readonly cookies?: boolean
}

export interface Answer {
  readonly headers: Headers
  /** JSON; undefined where there is none. */
  readonly body: unknown
}

/** Who the requests are from. */
export interface Credentials {
  /** @returns Undefined for nobody. */
  token(): Promise<string | undefined>
  /** A token was refused. @returns Another, or undefined where there is none. */
  renew(refused: string): Promise<string | undefined>
}

export interface HttpOptions {
  readonly base: string
  readonly fetch: typeof fetch
}

interface Kept {
  /** Whose answer it is: what somebody else may see, or the same one with other roles, may differ. */
  readonly token: string | undefined
  readonly etag: string
  readonly text: string
}

export class Http {
  readonly base: string
  /** Given by the session, of which each client has one. */
  credentials!: Credentials
  readonly fetch: typeof fetch
  readonly #kept = new Map<string, Kept>()
  #bookmark = ""

  constructor({ base, fetch }: HttpOptions) {
    this.base = base
    this.fetch = fetch
    this.sawBookmark(this.#nextPages((storage, name) => storage.getItem(name)))
  }

  /** The place in the database's history that answers must have seen. */
  get bookmark(): string {
    return this.#bookmark
  }

  /** Answers from now on are at least as new as this one. */
  sawBookmark(bookmark: string | null | undefined): void {
    if (bookmark && bookmark > this.#bookmark) this.#bookmark = bookmark
  }

  /** Nobody who asks from now on may see them. */
  forgetAnswers(): void {
    this.#kept.clear()
  }

  /** Who writes and goes on to another page of the site finds it written there. */
  #nextPages<V>(use: (storage: TextStorage, name: string) => V): V | undefined {
    const storage = webStorage("sessionStorage")
    try {
      return storage && use(storage, `selvedge ${this.base} bookmark`)
    } catch {
      return undefined // it is full, or forbidden
    }
  }

  /** @throws ProblemError for a refusal, or `unreachable`; the signal's reason when it is aborted. */
  async send(call: Call): Promise<Answer> {
    const mayRepeat = READING.includes(call.method) || call.key !== undefined
    const text: string | undefined = jsonText(call.body) // of undefined there is none
    let refused: { readonly token: string; readonly answer: ProblemError } | undefined
    for (let tries = 1; ; tries++) {
      const token = call.anonymous ? undefined : await unlessAborted(this.tokenAfter(refused?.token), call.signal)
      if (refused && token === undefined) throw refused.answer // as nobody it would be another request
      call.check?.()
      call.signal?.throwIfAborted()
      const answer = await this.#try(call, text, token).catch((cause: unknown) => {
        call.signal?.throwIfAborted()
        return unreachable(cause)
      })
      if (!(answer instanceof Error)) return answer
      const isStale = answer.status === 401 && answer.code !== "invalid_credentials" && token !== undefined
      if (isStale && !refused) refused = { token, answer }
      else if (!mayRepeat || !isPassing(answer) || tries >= MOST_TRIES) throw answer
      else await pause(waitMs(answer, tries), call.signal)
    }
  }

  /** @param refused The one that was, if one was. */
  tokenAfter(refused: string | undefined): Promise<string | undefined> {
    return refused === undefined ? this.credentials.token() : this.credentials.renew(refused)
  }

  /** @returns A refusal as a value: whether it is the last word is for the caller to say. */
  async #try(call: Call, sent: string | undefined, token: string | undefined): Promise<Answer | ProblemError> {
    const { method, path, key } = call
    const found = method === "GET" ? this.#kept.get(path) : undefined
    const kept = found?.token === token ? found : undefined
    const { response, text } = await this.#fetchWithin(ANSWER_WITHIN_MS, path, call.signal, {
      method,
      ...(browser.document && { credentials: call.cookies ? "include" : "omit" }),
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(sent !== undefined && { "Content-Type": "application/json" }),
        ...(key !== undefined && { "Idempotency-Key": key }),
        ...(this.#bookmark !== "" && { "Selvedge-Bookmark": this.#bookmark }),
        ...(kept && { "If-None-Match": kept.etag }),
        ...call.headers,
      },
      ...(sent !== undefined && { body: sent }),
    })
    const { status, headers } = response
    this.sawBookmark(headers.get("Selvedge-Bookmark"))
    if (!READING.includes(method)) this.#nextPages((storage, name) => storage.setItem(name, this.#bookmark))
    if (status === 304 && kept) return { headers, body: parse(kept.text) }
    const body = parse(text)
    if (!response.ok) return problemOf(status, body, retryAfterOf(headers))
    if (body === undefined && NOT_OURS.test(headers.get("Content-Type") ?? "")) return unreachable(text)
    if (method === "GET") this.#keep(path, headers.get("ETag"), text, token)
    return { headers, body }
  }

  /** Until the whole answer is there. */
  #fetchWithin(ms: number, path: string, signal: AbortSignal | undefined, init: RequestInit) {
    const own = new AbortController()
    const timer = setTimeout(() => own.abort(), ms)
    const read = async () => {
      const response = await this.fetch(this.base + path, { ...init, signal: own.signal })
      return { response, text: await response.text() }
    }
    return unlessAborted(read(), signal).finally(() => {
      clearTimeout(timer)
      own.abort()
    })
  }

  #keep(path: string, etag: string | null, text: string, token: string | undefined): void {
    this.#kept.delete(path)
    if (etag !== null) this.#kept.set(path, { etag, text, token })
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value!)
  }
}

function unlessAborted<V>(promise: Promise<V>, signal: AbortSignal | undefined): Promise<V> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener("abort", abort)
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  })
}

/** Resolves after the time, or rejects when the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout>
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  return unlessAborted(time, signal).finally(() => clearTimeout(timer))
}

/** Longer each time, and at random, so that clients that failed together don't come back together. */
export function backoffMs(tries: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) * (0.5 + Math.random())
}

export function isPassing({ status, code, retryAfter = 0 }: ProblemError): boolean {
  if (retryAfter > MOST_RETRY_AFTER_S) return false
  return status === 0 || PASSING.includes(status) || status >= OF_EDGE || code === "idempotency_in_progress"
}

/** Before another try. */
export function waitMs({ retryAfter }: ProblemError, tries: number): number {
  return retryAfter === undefined ? backoffMs(tries) : retryAfter * 1_000 + Math.random() * FIRST_WAIT_MS
}

function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get("Retry-After")
  if (!text) return undefined
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
