/** Answers to reads: kept ones where everybody gets the same, else out of the database. */

import type { Collection } from "../access/model.ts"
import { hasSharedView } from "../access/shared-view.ts"
import { type Entry, entryOf } from "../cache/entry.ts"
import { isOutage } from "../cache/outage.ts"
import type { Wanted } from "../cache/response-cache.ts"
import { formatBookmark, parseBookmark } from "../db/bookmark.ts"
import type { Reads } from "../records/reads.ts"
import { isNotModified } from "./conditions.ts"
import type { RequestState } from "./context.ts"
import { reply, replyShared, sharedHeaders } from "./reply.ts"

/** What the cache is called in `Cache-Status` (RFC 9211). */
const CACHE = "selvedge"

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
  if (!wanted) return answerMade(state, request, collection, await make(), "bypass")
  const startedAt = performance.now()
  const found = state.cache.find(wanted, state)
  const kept = found instanceof Promise ? await found : found
  state.timing.cache = performance.now() - startedAt
  if (kept) {
    const isLate = state.records.now() - kept.madeAt > wanted.policy.maxAgeMs
    if (isLate) state.cache.renew(wanted, state, async () => (await makeEntry(state, wanted, make)).entry)
    return answerKept(state, request, wanted, kept, { detail: isLate ? "stale-while-revalidate" : undefined })
  }
  try {
    return await makeOrFollow(state, request, collection, wanted, make)
  } catch (error) {
    const lastGood = isOutage(error) ? state.cache.lastGood(wanted) : undefined
    if (!lastGood) throw error
    state.failure = error as Error
    return answerKept(state, request, wanted, lastGood, { detail: "stale-if-error" })
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
      names.every((name) => {
        const touched = collections.get(name)
        return touched !== undefined && (touched === collection || hasSharedView(touched, caller))
      }),
  }
}

async function makeOrFollow(
  state: RequestState,
  request: Request,
  collection: Collection,
  wanted: Wanted,
  make: Make,
): Promise<Response> {
  const startedAt = performance.now()
  let made: Made | undefined
  const shared = await state.cache.make(wanted, state, async () => {
    const own = await makeEntry(state, wanted, make)
    made = own.made
    return own.entry
  })
  if (made) return answerMade(state, request, collection, made, "miss")
  state.timing.cache += performance.now() - startedAt
  return answerKept(state, request, wanted, shared!, { isCollapsed: true })
}

/** @returns No entry where not everybody may see the answer. */
async function makeEntry(
  { db, records }: RequestState,
  { key, seen }: Wanted,
  make: Make,
): Promise<{ made: Made; entry: Entry | undefined }> {
  const madeAt = records.now()
  const made = await make()
  const { body, tag, link, reads } = made
  const bookmark = parseBookmark(db.bookmark() ?? "")
  if (!reads || !bookmark) return { made, entry: undefined }
  // D1 may only repeat what the caller sent, which may be made up: others aren't given it
  const d1 = bookmark.d1 === seen?.d1 ? "" : bookmark.d1
  const headers = { ETag: tag, ...(link && { Link: link }) }
  return {
    made,
    entry: entryOf({ key, bookmark: formatBookmark({ ...bookmark, d1 }), madeAt, ...reads, headers, body }),
  }
}

function answerMade(
  state: RequestState,
  request: Request,
  { cache: policy }: Collection,
  { body, tag, link, reads }: Made,
  why: "miss" | "bypass",
): Response {
  const shared = policy && reads && { "Cache-Control": policy.header, "Cache-Status": `${CACHE}; fwd=${why}` }
  return conditional(state, request, body, { ETag: tag, ...(link && { Link: link }), ...shared })
}

/** What stays the same for a second, of an answer that is given to many. */
interface Shared {
  readonly ageS: number
  readonly ttlS: number
  readonly detail: string | undefined
  readonly headers: Headers
}

const sharedOf = new WeakMap<Entry, Shared>()

/** The `ttl` of `Cache-Status` is negative in an answer that stands in for a fresh one. */
function answerKept(
  state: RequestState,
  request: Request,
  { policy }: Wanted,
  entry: Entry,
  { detail, isCollapsed = false }: { detail?: string | undefined; isCollapsed?: boolean },
): Response {
  const { body, madeAt } = entry
  const ageMs = Math.max(0, state.records.now() - madeAt)
  const ageS = Math.floor(ageMs / 1_000)
  const ttlS = Math.floor((policy.maxAgeMs - ageMs) / 1_000)
  const headersWith = (status: string) => ({
    ...entry.headers,
    "Cache-Control": policy.header,
    "Cache-Status": `${CACHE}; ${status}`,
    Age: String(ageS),
    "Selvedge-Bookmark": entry.bookmark,
  })
  if (isCollapsed) return conditional(state, request, body, headersWith("fwd=miss; collapsed"))
  const hit = `hit; ttl=${ttlS}${detail ? `; detail=${detail}` : ""}`
  if (request.headers.has("If-None-Match")) return conditional(state, request, body, headersWith(hit))
  let shared = sharedOf.get(entry)
  if (shared?.ageS !== ageS || shared.ttlS !== ttlS || shared.detail !== detail) {
    const headers = sharedHeaders({ "Content-Type": "application/json", ...headersWith(hit) })
    shared = { ageS, ttlS, detail, headers }
    sharedOf.set(entry, shared)
  }
  return replyShared(state, body, 200, shared.headers)
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
