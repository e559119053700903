/** The requests of each measure. */

import type { Accounts } from "./accounts.ts"
import type { BenchRequest } from "./ask.ts"
import { BODY, type Seeded } from "./seed.ts"
import { hostOf, type WorkerName } from "./server.ts"

/** Requests that one cell goes through, again and again. */
const DIFFERENT_REQUESTS = 997
const KEPT_REQUESTS = 50
/** No more than an isolate puts into KV in a minute, all kinds together. */
const KV_REQUESTS = 10
/** Written by one request of the measure `rows`. */
export const ROWS = 50

type Read = "get" | "list" | "expand"

export function createRequests(seeded: Seeded) {
  const { authors, posts, token } = seeded
  const own = { Authorization: `Bearer ${token}`, Accept: "*/*" }

  function read(worker: WorkerName, measure: Read, collection = "posts", headers: BenchRequest["headers"] = own) {
    return Array.from({ length: DIFFERENT_REQUESTS }, (_, i): BenchRequest => {
      const post = posts[(i * 7919) % posts.length]!
      const author = authors[(i * 31) % authors.length]!
      const query = `authorId=${author}&sort=-createdAt&limit=20${measure === "expand" ? "&expand=author" : ""}`
      const path = measure === "get" ? `/v1/${collection}/${post}` : `/v1/${collection}?${query}`
      return { method: "GET", path, headers: { Host: hostOf(worker), ...headers }, status: 200 }
    })
  }

  function write(worker: WorkerName, path: string, body: unknown, status = 201): BenchRequest {
    const headers = { Host: hostOf(worker), ...own, "Content-Type": "application/json" }
    return { method: "POST", path, headers, body: JSON.stringify(body), status }
  }

  /** @param isStamped Whether the server says whose it is. */
  function post(isStamped: boolean) {
    return { title: "A new post", body: BODY, ...(!isStamped && { authorId: seeded.caller }) }
  }

  return {
    read,
    kept: (worker: WorkerName, measure: Read) =>
      read(worker, measure, "posts", { Accept: "*/*" }).slice(0, KEPT_REQUESTS),
    keptFew: (worker: WorkerName, measure: Read) =>
      read(worker, measure, "posts", { Accept: "*/*" }).slice(0, KV_REQUESTS),
    create: (worker: WorkerName, isStamped: boolean, collection = "posts") => [
      write(worker, `/v1/${collection}`, post(isStamped)),
    ],
    createOnce: (worker: WorkerName, isStamped: boolean): BenchRequest[] => [
      { ...write(worker, "/v1/posts", post(isStamped)), unique: "Idempotency-Key" },
    ],
    rows: (worker: WorkerName) => [
      write(
        worker,
        "/v1/drafts/many",
        Array.from({ length: ROWS }, () => post(false)),
      ),
    ],
    /** Tokens of 997 people: those of a session where the Worker looks it up. */
    caller: (worker: WorkerName, tokens: readonly string[]) =>
      tokens.map((token): BenchRequest => {
        const headers = { Host: hostOf(worker), Authorization: `Bearer ${token}`, Accept: "*/*" }
        return { method: "GET", path: "/v1/caller", headers, status: 200 }
      }),
    signIn: (worker: WorkerName, { emails, password }: Accounts) =>
      emails.map((email) => anonymous(write(worker, "/v1/auth/sign-in", { email, password }, 200))),
    refresh: (worker: WorkerName, tokens: readonly string[]) =>
      tokens.map((refreshToken): BenchRequest => {
        return { ...anonymous(write(worker, "/v1/auth/refresh", { refreshToken }, 200)), carries: "refreshToken" }
      }),
    nothing: (path = "/"): BenchRequest[] => [
      { method: "GET", path, headers: { Host: hostOf("empty"), Accept: "*/*" }, status: 200 },
    ],
  }
}

function anonymous({ headers: { Authorization: _, ...headers }, ...request }: BenchRequest): BenchRequest {
  return { ...request, headers }
}
