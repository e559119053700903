/** The only way out to a provider: to public hosts, by https, without redirects, in bounded time and size. */

import { ProviderError } from "./provider.ts"
import { isLoopback, isPublicHost } from "./public-host.ts"

/** From the first byte sent to the last byte read. */
const TIMEOUT_MS = 5_000
/** Of the body, unpacked. */
const MOST_BYTES = 256 * 1024
/** What the reader of an answer needs; nothing else of its headers is passed on. */
const KEPT_HEADERS = ["content-type", "www-authenticate"]

export interface SafeFetchOptions {
  /** Lets http and https to this machine through. For local work only. */
  allowLoopback?: boolean
  /** The runtime's own by default. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}

/** Nothing else of a request can be set. */
export interface SafeRequest {
  method?: string
  headers?: Record<string, string>
  body?: BodyInit | null | undefined
}

/** Answers with the body already read, whatever the status below 500. Every failure is a ProviderError. */
export type SafeFetch = (url: string, request?: SafeRequest) => Promise<Response>

export function createSafeFetch({ allowLoopback = false, fetch }: SafeFetchOptions = {}): SafeFetch {
  return async (url, { method = "GET", headers = {}, body = null } = {}) => {
    const target = checkTarget(url, allowLoopback)
    try {
      const response = await (fetch ?? globalThis.fetch)(target.href, {
        method,
        headers,
        body,
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return await readAnswer(target, response)
    } catch (error) {
      if (error instanceof ProviderError) throw error
      throw new ProviderError("provider_unreachable", `${target.host} can't be reached`, error)
    }
  }
}

/** @throws ProviderError `provider_answer_invalid`: it is the provider's metadata that names addresses. */
function checkTarget(text: string, allowLoopback: boolean): URL {
  const url = URL.parse(text)
  if (!url) throw new ProviderError("provider_answer_invalid", "An address of the provider is no URL")
  if (url.username || url.password) {
    throw new ProviderError("provider_answer_invalid", `An address on ${url.host} carries credentials`)
  }
  const isWeb = url.protocol === "https:" || url.protocol === "http:"
  if (allowLoopback && isWeb && isLoopback(url)) return url
  if (url.protocol !== "https:" || !isPublicHost(url)) {
    throw new ProviderError("provider_answer_invalid", `${url.protocol}//${url.host} is not https to a public host`)
  }
  return url
}

async function readAnswer(target: URL, response: Response): Promise<Response> {
  const { status } = response
  if (status >= 500 || status === 429) {
    await response.body?.cancel()
    throw new ProviderError("provider_unreachable", `${target.host} answers with status ${status}`)
  }
  if (status < 200 || (status >= 300 && status < 400)) {
    await response.body?.cancel()
    throw new ProviderError("provider_answer_invalid", `${target.host} redirects, which is not followed`)
  }
  const headers = KEPT_HEADERS.flatMap((name): [string, string][] => {
    const value = response.headers.get(name)
    return value === null ? [] : [[name, value]]
  })
  const body = await readBody(target, response)
  return new Response(body.byteLength === 0 ? null : body, { status, headers })
}

async function readBody(target: URL, response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(MOST_BYTES)
  let length = 0
  for await (const chunk of response.body ?? []) {
    // Leaving the loop cancels the rest
    if (length + chunk.byteLength > MOST_BYTES) {
      throw new ProviderError("provider_answer_invalid", `${target.host} answers with more than ${MOST_BYTES} bytes`)
    }
    bytes.set(chunk, length)
    length += chunk.byteLength
  }
  return bytes.slice(0, length)
}
