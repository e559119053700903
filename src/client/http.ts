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
  readonly status: number
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
  readonly etag: string
  readonly text: string
}

export class Http {
  readonly base: string
  credentials: Credentials = { token: async () => undefined, renew: async () => undefined }
  readonly fetch: typeof fetch
  #kept = new Map<string, Kept>()
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

  /** Answers that were kept may be another caller's. */
  forgetAnswers(): void {
    this.#kept = new Map() // those on their way find the old one
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
    const mayRepeat = call.method === "GET" || call.key !== undefined
    let refused: { readonly token: string; readonly answer: ProblemError } | undefined
    for (let tries = 1; ; tries++) {
      const token = call.anonymous ? undefined : await this.#tokenAfter(refused?.token)
      if (refused && token === undefined) throw refused.answer // as nobody it would be another request
      call.check?.()
      const answer = await this.#try(call, token).catch((cause: unknown) => {
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

  #tokenAfter(refused: string | undefined): Promise<string | undefined> {
    return refused === undefined ? this.credentials.token() : this.credentials.renew(refused)
  }

  /** @returns A refusal as a value: whether it is the last word is for the caller to say. */
  async #try(call: Call, token: string | undefined): Promise<Answer | ProblemError> {
    const { method, path, body, key } = call
    const keptUnder = `${token === undefined} ${path}`
    const answers = this.#kept
    const kept = method === "GET" ? answers.get(keptUnder) : undefined
    const init = {
      method,
      signal: within(ANSWER_WITHIN_MS, call.signal),
      ...(browser.document && { credentials: call.cookies ? "include" : "omit" }),
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(key !== undefined && { "Idempotency-Key": key }),
        ...(this.#bookmark !== "" && { "Selvedge-Bookmark": this.#bookmark }),
        ...(kept && { "If-None-Match": kept.etag }),
        ...call.headers,
      },
      ...(body !== undefined && { body: jsonText(body) }),
    }
    const response = await this.fetch(this.base + path, init)
    const { status, headers } = response
    const text = await response.text()
    if (!response.ok && status !== 304) return problemOf(status, parse(text), retryAfterOf(headers))
    this.sawBookmark(headers.get("Selvedge-Bookmark"))
    if (method !== "GET") this.#nextPages((storage, name) => storage.setItem(name, this.#bookmark))
    if (method === "GET" && status !== 304) keep(answers, keptUnder, headers.get("ETag"), text)
    return { status, headers, body: parse(kept && status === 304 ? kept.text : text) }
  }
}

function keep(answers: Map<string, Kept>, path: string, etag: string | null, text: string): void {
  answers.delete(path)
  if (etag !== null) answers.set(path, { etag, text })
  if (answers.size > MOST_KEPT) answers.delete(answers.keys().next().value!)
}

/** Resolves after the time, or rejects when the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const timer = setTimeout(end, ms)
    signal?.addEventListener("abort", end, { once: true })
    function end() {
      clearTimeout(timer)
      signal?.removeEventListener("abort", end)
      if (signal?.aborted) reject(signal.reason)
      else resolve()
    }
  })
}

/** Longer each time, and at random, so that clients that failed together don't come back together. */
export function backoffMs(tries: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS) * (0.5 + Math.random())
}

export function isPassing({ status, code, retryAfter = 0 }: ProblemError): boolean {
  if (retryAfter > MOST_RETRY_AFTER_S) return false
  return status === 0 || PASSING.includes(status) || code === "idempotency_in_progress"
}

function waitMs({ retryAfter }: ProblemError, tries: number): number {
  return retryAfter === undefined ? backoffMs(tries) : retryAfter * 1_000 + Math.random() * FIRST_WAIT_MS
}

function within(ms: number, signal: AbortSignal | undefined): AbortSignal {
  const late = AbortSignal.timeout(ms)
  return signal ? AbortSignal.any([signal, late]) : late
}

function retryAfterOf(headers: Headers): number | undefined {
  const seconds = Number(headers.get("Retry-After") ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
