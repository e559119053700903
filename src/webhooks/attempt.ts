/** One call of a receiver, within its bounds, and what comes of it. */

import type { Clock } from "../core/clock.ts"
import type { Attempt } from "./delivery.ts"
import { redact } from "./redact.ts"

/** For headers and body together. */
const LONGEST_MS = 15_000
const MOST_ANSWER_BYTES = 64 * 1024
const MOST_ERROR_CHARS = 200
const USER_AGENT = "Selvedge-Webhooks/1"

export interface Outgoing {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What must not stand in the log. */
  readonly secrets: readonly string[]
}

export interface AttemptOptions {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly now: Clock
  readonly signal: AbortSignal
}

export interface Attempted {
  readonly attempt: Attempt
  /** The header's value. */
  readonly retryAfter: string | null
}

/** @throws Only when `signal` is aborted: then nobody waits for the outcome. */
export async function callReceiver(
  { url, headers, body, secrets }: Outgoing,
  { fetch, now, signal }: AttemptOptions,
): Promise<Attempted> {
  const at = now()
  const abort = new AbortController()
  const stop = () => abort.abort(signal.reason)
  signal.addEventListener("abort", stop)
  const timer = setTimeout(() => abort.abort(new Error(`it took longer than ${LONGEST_MS / 1000} s`)), LONGEST_MS)
  const aborted = new Promise<never>((_, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason))
  })
  aborted.catch(() => {})
  const chunks: Uint8Array[] = []
  let response: Response | undefined
  let fault: unknown
  try {
    response = await Promise.race([
      fetch(url, { method: "POST", headers: standardHeaders(headers), body, redirect: "manual", signal: abort.signal }),
      aborted,
    ])
    await Promise.race([readStart(response, chunks), aborted])
  } catch (error) {
    fault = error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", stop)
    abort.abort()
  }
  signal.throwIfAborted()
  const text = response ? redact(new TextDecoder().decode(await new Blob(chunks).arrayBuffer()), secrets) : null
  return {
    attempt: {
      at,
      status: response?.status ?? null,
      durationMs: now() - at,
      response: text,
      ...(fault !== undefined && { error: redact(messageOf(fault), secrets).slice(0, MOST_ERROR_CHARS) }),
    },
    retryAfter: response?.headers.get("Retry-After") ?? null,
  }
}

function standardHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return { "Content-Type": "application/json", "User-Agent": USER_AGENT, ...headers }
}

/** Reads up to the limit; what comes after it is not waited for. */
async function readStart({ body }: Response, chunks: Uint8Array[]): Promise<void> {
  if (!body) return
  const reader = body.getReader()
  for (let bytes = 0; bytes < MOST_ANSWER_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) return
    chunks.push(value.subarray(0, MOST_ANSWER_BYTES - bytes))
    bytes += value.length
  }
  reader.cancel().catch(() => {})
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault)
}
