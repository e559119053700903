/** A peer as the run sees it: what it answers, what it leaves out, and the requests of each kind of work. */

import type { BenchRequest } from "../../lib/ask.ts"

export const WORK = ["get", "list", "expand", "get + auth", "create"] as const
export type Work = (typeof WORK)[number]

/** Each starts the processes of one or more peers. */
export const HOSTS = ["own", "pocketbase", "bknd-node", "bknd-workerd", "teenybase"] as const
export type HostName = (typeof HOSTS)[number]

export interface Peer {
  readonly name: string
  readonly origin: string
  /** What Selvedge does for the same request, and this peer doesn't; `undefined` for Selvedge itself. */
  readonly leavesOut: string | undefined
  /** Kinds that it doesn't answer are missing. */
  readonly requests: Partial<Record<Work, readonly BenchRequest[]>>
  /** Whether it keeps answers: each is asked for once before it is measured. */
  readonly keeps?: boolean
  readonly names: RecordNames
  /** The status that refuses a create without a token; `undefined` where everybody may. */
  readonly refusal: number | undefined
}

/** Where a record has what is compared. */
export interface RecordNames {
  /** The field with the author's id. */
  readonly author: string
  /** The path to the author of an expanded record. */
  readonly expanded: readonly string[]
}

export interface Host {
  readonly peers: readonly Peer[]
  stop(): Promise<void>
}

/** Requests that one kind of work goes through, again and again. */
const DIFFERENT_REQUESTS = 997

export interface RequestOptions {
  readonly posts: readonly string[]
  readonly authors: readonly string[]
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  /** The header `Authorization`. */
  readonly authorization: string
  readonly get: (post: string) => string
  readonly list: (author: string) => string
  readonly expand?: (author: string) => string
  readonly create: { readonly path: string; readonly body: object; readonly status: number }
}

/** The same posts and authors in the same order, whoever is asked. */
export function requestsOf(options: RequestOptions): Peer["requests"] {
  const { posts, authors, get, list, expand, create } = options
  const headers = { Accept: "*/*", ...options.headers }
  const authorized = { ...headers, Authorization: options.authorization }
  const reads = (path: (i: number) => string, headers: Record<string, string>) =>
    Array.from({ length: DIFFERENT_REQUESTS }, (_, i) => ({ method: "GET", path: path(i), headers, status: 200 }))
  const post = (i: number) => posts[(i * 7919) % posts.length]!
  const author = (i: number) => authors[(i * 31) % authors.length]!
  return {
    get: reads((i) => get(post(i)), headers),
    list: reads((i) => list(author(i)), headers),
    ...(expand && { expand: reads((i) => expand(author(i)), headers) }),
    "get + auth": reads((i) => get(post(i)), authorized),
    create: [
      {
        method: "POST",
        path: create.path,
        headers: { ...authorized, "Content-Type": "application/json" },
        body: JSON.stringify(create.body),
        status: create.status,
      },
    ],
  }
}
