/** Answers to reads: kept ones where everybody gets the same, else out of the database. */

import type { Collection } from "../access/model.ts"
import { hasSharedView } from "../access/shared-view.ts"
import { type Entry, entryOf } from "../cache/entry.ts"
import type { Wanted } from "../cache/response-cache.ts"
import { SelvedgeError } from "../core/problem.ts"
import { parseBookmark } from "../db/bookmark.ts"
import type { Reads } from "../records/reads.ts"
import { isNotModified } from "./conditions.ts"
import type { RequestState } from "./context.ts"
import { reply } from "./reply.ts"

/** An answer out of the database. */
export interface Made {
  readonly body: Uint8Array
  readonly tag: string
  readonly link?: string | undefined
  /** Undefined where somebody else would get another answer. */
  readonly reads: Reads | undefined
}

type Make = () => Promise<Made>

/** @param make Asks the database. It checks the parameters too: those of a kept answer were checked when it was made. */
export async function answerRead(
  state: RequestState,
  request: Request,
  collection: Collection,
  make: Make,
): Promise<Response> {
  const wanted = wantedOf(state, request, collection)
  if (!wanted) return answerMade(state, request, collection, await make())
  const startedAt = performance.now()
  const found = state.cache.find(wanted, state)
  const kept = found instanceof Promise ? await found : found
  state.timing.cache = performance.now() - startedAt
  if (kept) {
    const isLate = state.records.now() - kept.madeAt > wanted.policy.maxAgeMs
    if (isLate) state.later(state.cache.make(wanted, state, async () => entryFor(state, wanted, await make())))
    return answerKept(state, request, wanted, kept, isLate ? "; detail=stale-while-revalidate" : "")
  }
  try {
    return await makeOrFollow(state, request, collection, wanted, make)
  } catch (error) {
    const lastGood = isOutage(error) ? state.cache.lastGood(wanted) : undefined
    if (!lastGood) throw error
    state.failure = error as Error
    return answerKept(state, request, wanted, lastGood, "; detail=stale-if-error")
  }
}

/** @returns Undefined where the caller's answer is its own, or no kept one can be told from it. */
function wantedOf(state: RequestState, { url, headers }: Request, collection: Collection): Wanted | undefined {
  const { cache: policy } = collection
  const { caller, cache } = state
  if (!policy || !hasSharedView(collection, caller)) return undefined
  const key = cache.keyOf(url)
  const text = headers.get("Selvedge-Bookmark")
  const seen = text === null ? undefined : parseBookmark(text)
  if (key === undefined || (text !== null && !seen)) return undefined
  const collections = state.records.collections
  return {
    key,
    policy,
    seen,
    mayServe: (names) =>
      caller.kind === "anonymous" || names.every((name) => hasSharedView(collections.get(name)!, caller)),
  }
}

async function makeOrFollow(
  state: RequestState,
  request: Request,
  collection: Collection,
  wanted: Wanted,
  make: Make,
): Promise<Response> {
  let made: Made | undefined
  const entry = await state.cache.make(wanted, state, async () => {
    made = await make()
    return entryFor(state, wanted, made)
  })
  return made
    ? answerMade(state, request, collection, made)
    : answerKept(state, request, wanted, entry!, "; detail=shared")
}

function entryFor({ db, records }: RequestState, { key }: Wanted, { body, tag, link, reads }: Made): Entry | undefined {
  const bookmark = db.bookmark()
  if (!reads || bookmark === undefined) return undefined
  const headers = { ETag: tag, ...(link && { Link: link }) }
  return entryOf({ key, bookmark, madeAt: records.now(), ...reads, headers, body })
}

function isOutage(error: unknown): boolean {
  return !(error instanceof SelvedgeError) || ["overloaded", "timeout"].includes(error.code)
}

function answerMade(
  state: RequestState,
  request: Request,
  { cache: policy }: Collection,
  { body, tag, link, reads }: Made,
): Response {
  const shared = policy && reads && { "Cache-Control": policy.header, "Cache-Status": "selvedge; fwd=miss" }
  return conditional(state, request, body, { ETag: tag, ...(link && { Link: link }), ...shared })
}

/** `Cache-Status` is RFC 9211's; its `ttl` is negative in an answer that stands in for a fresh one. */
function answerKept(
  state: RequestState,
  request: Request,
  { policy }: Wanted,
  { body, headers, bookmark, madeAt }: Entry,
  detail: string,
): Response {
  const ageMs = Math.max(0, state.records.now() - madeAt)
  const ttl = Math.floor((policy.maxAgeMs - ageMs) / 1_000)
  return conditional(state, request, body, {
    ...headers,
    "Cache-Control": policy.header,
    "Cache-Status": `selvedge; hit; ttl=${ttl}${detail}`,
    Age: String(Math.floor(ageMs / 1_000)),
    "Selvedge-Bookmark": bookmark,
  })
}

function conditional(
  state: RequestState,
  request: Request,
  body: Uint8Array,
  headers: Record<string, string>,
): Response {
  if (isNotModified(request.headers.get("If-None-Match"), headers.ETag!)) return reply(state, null, 304, headers)
  return reply(state, body, 200, { "Content-Type": "application/json", ...headers })
}
