import type { RequestFacts } from "../records/idempotency.ts"

/** What makes two requests the same under one Idempotency-Key. */
export function requestFacts(request: Request, body: string): RequestFacts {
  const url = new URL(request.url)
  const conditions = ["If-Match", "If-None-Match"].map((name) => request.headers.get(name))
  url.searchParams.sort()
  return {
    method: request.method,
    path: url.pathname,
    query: url.searchParams.toString(),
    conditions: JSON.stringify(conditions),
    body,
  }
}
