/** `/v1/{collection}` and `/v1/{collection}/{id}`. */

import type { Context, Hono } from "hono"
import { isNever } from "../../access/filter.ts"
import type { Collection, Collections, ResolvedRelation } from "../../access/model.ts"
import { accessFilter, callerScope, refused, requireAccess } from "../../access/visibility.ts"
import { invalidQuery, SelvedgeError } from "../../core/problem.ts"
import type { Hubs } from "../../live/hub-choice.ts"
import { MOST_GROUPS, STANDARD_GROUPS } from "../../query/aggregate.ts"
import {
  AGGREGATE_PARAMETERS,
  filterTextOf,
  GET_PARAMETERS,
  LIST_PARAMETERS,
  noParameters,
  onlyParameters,
  parametersOf,
  readFilter,
  readLimit,
  readNames,
  uniqueParameters,
} from "../../query/parameters.ts"
import type { RecordsContext } from "../../records/context.ts"
import { createOperation } from "../../records/create.ts"
import { createClaim } from "../../records/idempotency.ts"
import type { Operation, WriteResult } from "../../records/operation.ts"
import { aggregateRecords, getRecord, listRecords, type Page } from "../../records/read.ts"
import { MOST_PAGE_RECORDS, STANDARD_LIMIT } from "../../records/records.ts"
import { removeOperation } from "../../records/remove.ts"
import { replaceOperation } from "../../records/replace.ts"
import { runOperation } from "../../records/run.ts"
import { updateOperation } from "../../records/update.ts"
import { prefersEvents, requireAcceptable } from "../accept.ts"
import { type Body, PATCH_TYPES, readJson } from "../body.ts"
import { answerRead, type Made } from "../cached.ts"
import { readPrecondition, versionTag, weakTag } from "../conditions.ts"
import type { AppEnv, RequestState } from "../context.ts"
import { answerEvents } from "../events.ts"
import { methodNotAllowed } from "../methods.ts"
import { reply } from "../reply.ts"
import { requestFacts } from "../request-facts.ts"
import { strict } from "../strict.ts"

type C = Context<AppEnv>

const encoder = new TextEncoder()

/** Each collection has paths of its own: a path with `:collection` in it would keep Hono from its fastest router. */
export function collectionRoutes(app: Hono<AppEnv>, collections: Collections, hubs: Hubs | undefined): void {
  for (const collection of collections.values()) {
    if (collection.strict) app.use(`/v1/${collection.name}/*`, strict)
    app.all(`/v1/${collection.name}`, (c) => many(c, collection, hubs))
    app.all(`/v1/${collection.name}/:id`, (c) => single(c, collection, c.req.param("id")))
  }
}

function many(c: C, collection: Collection, hubs: Hubs | undefined): Promise<Response> {
  const isRead = c.req.method === "GET" || c.req.method === "HEAD"
  if (isRead && hubs && collection.live && prefersEvents(c.req.raw)) return answerEvents(c, collection, hubs)
  requireAcceptable(c.req.raw)
  if (isRead) return list(c, collection)
  if (c.req.method === "POST") return create(c, collection)
  throw methodNotAllowed(["GET", "HEAD", "POST"])
}

function single(c: C, collection: Collection, id: string): Promise<Response> {
  requireAcceptable(c.req.raw)
  switch (c.req.method) {
    case "GET":
    case "HEAD":
      return get(c, collection, id)
    case "PATCH":
      return update(c, collection, id)
    case "PUT":
      return replace(c, collection, id)
    case "DELETE":
      return remove(c, collection, id)
  }
  throw methodNotAllowed(["GET", "HEAD", "PATCH", "PUT", "DELETE"])
}

function list(c: C, collection: Collection): Promise<Response> {
  const state = c.get("state")
  requireAccess(collection, "read", state.caller)
  return answerRead(state, c.req.raw, collection, () => makeList(state, collection, new URL(c.req.url)))
}

async function makeList({ records, caller }: RequestState, collection: Collection, url: URL): Promise<Made> {
  const parameters = uniqueParameters(url.searchParams)
  if (parameters.has("aggregate") || parameters.has("group")) return makeAggregate(records, collection, parameters)
  const count = parameters.get("count")
  if (count !== undefined && count !== "exact") throw invalidQuery("count", "must be exact")
  const followed = new Set<ResolvedRelation>()
  const { value, reads } = await listRecords(records, collection, {
    filter: readFilter(parameters, LIST_PARAMETERS, callerScope(collection, caller, followed)),
    followed,
    filterText: filterTextOf(parameters),
    sort: parameters.get("sort"),
    limit: readLimit(parameters, STANDARD_LIMIT, MOST_PAGE_RECORDS),
    after: parameters.get("after"),
    before: parameters.get("before"),
    q: parameters.get("q"),
    total: count === "exact",
    fields: readNames(parameters, "fields"),
    expand: readNames(parameters, "expand"),
  })
  return { ...byBody(value), link: linkHeader(url, value), reads }
}

async function makeAggregate(
  records: RecordsContext,
  collection: Collection,
  parameters: Map<string, string>,
): Promise<Made> {
  const functions = readNames(parameters, "aggregate")
  if (!functions) throw invalidQuery("group", "needs aggregate beside it")
  const followed = new Set<ResolvedRelation>()
  const { value, reads } = await aggregateRecords(records, collection, {
    filter: readFilter(parameters, AGGREGATE_PARAMETERS, callerScope(collection, records.caller, followed)),
    followed,
    q: parameters.get("q"),
    aggregate: functions,
    group: readNames(parameters, "group") ?? [],
    limit: readLimit(parameters, STANDARD_GROUPS, MOST_GROUPS),
  })
  return { ...byBody(value), reads }
}

function get(c: C, collection: Collection, id: string): Promise<Response> {
  const state = c.get("state")
  requireAccess(collection, "read", state.caller)
  return answerRead(state, c.req.raw, collection, () => makeGet(state.records, collection, id, c.req.url))
}

async function makeGet(records: RecordsContext, collection: Collection, id: string, url: string): Promise<Made> {
  const parameters = parametersOf(url)
  onlyParameters(parameters, GET_PARAMETERS)
  const selection = { fields: readNames(parameters, "fields"), expand: readNames(parameters, "expand") }
  const { value, reads } = await getRecord(records, collection, id, selection)
  const { record, version } = value
  const isWhole = !selection.fields && !selection.expand && version !== undefined
  if (!isWhole) return { ...byBody(record), reads }
  return { body: encoder.encode(JSON.stringify(record)), tag: versionTag(version), reads }
}

async function create(c: C, collection: Collection): Promise<Response> {
  const state = c.get("state")
  requireAccess(collection, "create", state.caller)
  noParameters(c.req.url)
  const precondition = readPrecondition(c.req.raw.headers, false)
  if (precondition.ifMatch) throw new SelvedgeError("precondition_failed", "A new record has no version yet.")
  const body = await readJson(c.req.raw)
  return write(c, body, createOperation(state.records, collection, body.json))
}

async function update(c: C, collection: Collection, id: string): Promise<Response> {
  const state = c.get("state")
  requireAccess(collection, "update", state.caller)
  noParameters(c.req.url)
  const body = await readJson(c.req.raw, PATCH_TYPES)
  const precondition = readPrecondition(c.req.raw.headers, collection.ifMatchRequired)
  return write(c, body, updateOperation(state.records, collection, id, body.json, precondition))
}

async function replace(c: C, collection: Collection, id: string): Promise<Response> {
  const state = c.get("state")
  if ((["update", "create"] as const).every((action) => isNever(accessFilter(collection, action, state.caller))))
    throw refused(state.caller)
  noParameters(c.req.url)
  const body = await readJson(c.req.raw)
  const precondition = readPrecondition(c.req.raw.headers, collection.ifMatchRequired, true)
  return write(c, body, replaceOperation(state.records, collection, id, body.json, precondition))
}

async function remove(c: C, collection: Collection, id: string): Promise<Response> {
  const state = c.get("state")
  requireAccess(collection, "delete", state.caller)
  noParameters(c.req.url)
  const precondition = readPrecondition(c.req.raw.headers, collection.ifMatchRequired)
  return write(c, undefined, removeOperation(state.records, collection, id, precondition))
}

async function write(c: C, body: Body | undefined, operation: Operation): Promise<Response> {
  const state = c.get("state")
  const claim = await claimOf(state, c.req.raw, body?.text ?? "")
  const { result, replayed } = await runOperation(state.records, operation, claim)
  const headers = writeHeaders(operation.collection, result)
  if (replayed) headers["Idempotency-Replayed"] = "true"
  return reply(state, result.record === undefined ? null : JSON.stringify(result.record), result.status, headers)
}

/** The claim of a request that carries an `Idempotency-Key`. */
export async function claimOf(state: RequestState, request: Request, body: string) {
  const key = request.headers.get("Idempotency-Key")
  return key === null ? undefined : createClaim(state.caller, key, requestFacts(request, body))
}

export function writeHeaders(collection: Collection, { status, id, version }: WriteResult): Record<string, string> {
  if (status === 204) return {}
  return {
    "Content-Type": "application/json",
    ETag: versionTag(version),
    ...(status === 201 && { Location: `/v1/${collection.name}/${id}` }),
  }
}

/** An answer that is known by its bytes. */
function byBody(answer: unknown): Pick<Made, "body" | "tag"> {
  const body = encoder.encode(JSON.stringify(answer))
  return { body, tag: weakTag(body) }
}

/** RFC 8288, relative to the request; the query stays as it came, but for the cursors. */
function linkHeader(url: URL, { page }: Page): string {
  if (!page.next && !page.previous) return ""
  const kept = url.search
    .slice(1)
    .split("&")
    .filter((part) => !/^(after|before)=/.test(part))
    .join("&")
  const base = `${url.pathname}?${kept}${kept && "&"}`
  const next = page.next && `<${base}after=${page.next}>; rel="next"`
  const previous = page.previous && `<${base}before=${page.previous}>; rel="prev"`
  return next && previous ? `${next}, ${previous}` : (next ?? previous)!
}
