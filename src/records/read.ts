/** Lists, single records and aggregates: one statement each. */

import type { FilterNode } from "../access/filter.ts"
import type { Collection, ResolvedRelation, Sort } from "../access/model.ts"
import { requireAccess, visibleColumns } from "../access/visibility.ts"
import type { Caller } from "../core/caller.ts"
import { hashText } from "../core/hash.ts"
import { invalidQuery, SelvedgeError } from "../core/problem.ts"
import type { Query } from "../db/query.ts"
import { type AggregateRow, aggregateQuery, decodeAggregates, readAggregates, readGroup } from "../query/aggregate.ts"
import { type CursorKey, decodeCursor, encodeCursor } from "../query/cursor.ts"
import { getQuery, type ListPlan, listQuery } from "../query/list.ts"
import { decodeRecord, extraValue, type WireRecord } from "../query/projection.ts"
import { compileSearch, LONGEST_SEARCH, type Search } from "../query/search.ts"
import { project, type Selection } from "../query/selection.ts"
import type { Stored } from "../schema/values.ts"
import type { RecordsContext } from "./context.ts"
import { type Reads, sharedReads } from "./reads.ts"

export interface ListRequest extends Selection {
  readonly filter: FilterNode
  /** The relations that it names; without them the answer is nobody else's. */
  readonly followed?: ReadonlySet<ResolvedRelation>
  /** Text that is the same for equal filters; a cursor is bound to it. */
  readonly filterText: string
  readonly sort?: string | undefined
  readonly limit: number
  readonly after?: string | undefined
  readonly before?: string | undefined
  readonly q?: string | undefined
  readonly total?: boolean
}

export interface Page {
  readonly data: WireRecord[]
  readonly page: { next: string | null; previous: string | null; total?: number }
}

/** An answer, and what everybody would get it from; `reads` is undefined where somebody would get another. */
export interface Read<V> {
  readonly value: V
  readonly reads: Reads | undefined
}

export interface ListRead extends Read<Page> {
  /** What `page.next` would be, had the first `count` records been asked for, 1 or more. */
  nextAfter(count: number): string | null
}

export interface AggregateRequest {
  readonly filter: FilterNode
  /** The relations that it names; without them the answer is nobody else's. */
  readonly followed?: ReadonlySet<ResolvedRelation>
  readonly q?: string | undefined
  readonly aggregate: readonly string[]
  readonly group: readonly string[]
  readonly limit: number
}

/** @throws SelvedgeError `invalid_query`, or a plain refusal when the caller may read nothing here. */
export async function listRecords(
  context: RecordsContext,
  collection: Collection,
  request: ListRequest,
): Promise<ListRead> {
  const access = requireAccess(collection, "read", context.caller)
  const search = searchOf(collection, context.caller, request.q)
  const { sort, reversed } = sortOf(collection, context.caller, request.sort, search)
  const keys: readonly CursorKey[] = sort?.keys ?? [{ column: undefined }, { column: collection.table.byKey.get("id") }]
  const hash = hashText(
    JSON.stringify([collection.name, sort?.text ?? "rank", reversed, request.filterText, request.q ?? ""]),
  )
  const plan: ListPlan = {
    collection,
    access,
    filter: request.filter,
    search,
    sort,
    reversed,
    page: pageOf(request, keys, hash),
    limit: request.limit,
    projection: project(collection, context.caller, request),
    total: request.total ?? false,
  }
  const row = await readOne(context, listQuery(plan))
  const rows = JSON.parse(row.data as string) as unknown[][]
  const value = toPage(plan, hash, rows, row.total as number | undefined)
  return {
    value,
    reads: sharedReads(collection, context.caller, request.followed, plan.projection),
    nextAfter: (count) => (count < rows.length ? cursorOf(plan, hash, rows[count - 1]!) : value.page.next),
  }
}

/** @throws SelvedgeError `not_found` for a record that isn't there for the caller. */
export async function getRecord(
  context: RecordsContext,
  collection: Collection,
  id: string,
  selection: Selection,
): Promise<Read<{ record: WireRecord; version: number | undefined }>> {
  const access = requireAccess(collection, "read", context.caller)
  const projection = project(collection, context.caller, selection)
  if (!isId(id)) throw notFound()
  const row = await readOne(context, getQuery(collection, access, id, projection))
  if (row.data === null) throw notFound()
  const record = decodeRecord(projection, JSON.parse(row.data as string))
  return {
    value: { record, version: record.version as number | undefined },
    reads: sharedReads(collection, context.caller, [], projection),
  }
}

export async function aggregateRecords(
  context: RecordsContext,
  collection: Collection,
  request: AggregateRequest,
): Promise<Read<{ data: AggregateRow[] }>> {
  const access = requireAccess(collection, "read", context.caller)
  const columns = visibleColumns(collection, context.caller)
  const plan = {
    collection,
    access,
    filter: request.filter,
    search: searchOf(collection, context.caller, request.q),
    ...readAggregates(request.aggregate, columns),
    group: readGroup(request.group, columns),
    limit: request.limit,
  }
  const row = await readOne(context, aggregateQuery(plan))
  return {
    value: { data: decodeAggregates(plan, JSON.parse(row.data as string)) },
    reads: sharedReads(collection, context.caller, request.followed, undefined),
  }
}

/** A UUID in lower case (RFC 9562), of any version. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text)
}

export function notFound(): SelvedgeError {
  return new SelvedgeError("not_found", "There is no such record.")
}

async function readOne({ db }: RecordsContext, query: Query) {
  const [row] = await db.read(query)
  db.sawFreshness(row!.freshness)
  return row!
}

function searchOf(collection: Collection, caller: Caller, q: string | undefined): Search | undefined {
  if (q === undefined) return undefined
  const visible = visibleColumns(collection, caller)
  const columns = collection.search.filter((column) => visible.includes(column))
  if (columns.length === 0) throw invalidQuery("q", "there is no such parameter or field")
  if (q.length > LONGEST_SEARCH) throw invalidQuery("q", `is longer than ${LONGEST_SEARCH} characters`)
  return compileSearch(q, columns)
}

/** The declared order that `text` names, or begins, or turns round; without a text the rank of a search, else the first. */
export function sortOf(
  collection: Collection,
  caller: Caller,
  text: string | undefined,
  search: Search | undefined,
): { sort: Sort | undefined; reversed: boolean } {
  const visible = visibleColumns(collection, caller)
  const sorts = collection.sorts.filter((sort) => sort.keys.every((key) => visible.includes(key.column)))
  if (text === undefined) {
    if (search) return { sort: undefined, reversed: false }
    const id = { column: collection.table.byKey.get("id")!, descending: false }
    return { sort: sorts[0] ?? { text: "id", keys: [id] }, reversed: false }
  }
  const begins = (declared: string) => declared === text || declared.startsWith(`${text},`)
  const forward = sorts.find((sort) => begins(sort.text))
  if (forward) return { sort: forward, reversed: false }
  const backward = sorts.find((sort) => begins(turnedRound(sort.text)))
  if (backward) return { sort: backward, reversed: true }
  throw invalidQuery(
    "sort",
    `must be one of ${sorts.map((sort) => sort.text).join(" or ")}, or one of these turned round`,
  )
}

function turnedRound(sort: string): string {
  return sort
    .split(",")
    .map((key) => (key.startsWith("-") ? key.slice(1) : `-${key}`))
    .join(",")
}

function pageOf(request: ListRequest, keys: readonly CursorKey[], hash: string): ListPlan["page"] {
  const { after, before } = request
  if (after !== undefined && before !== undefined) throw invalidQuery("before", "can't stand beside after")
  if (after !== undefined) return { direction: "after", values: decodeCursor("after", after, keys, hash) }
  if (before !== undefined) return { direction: "before", values: decodeCursor("before", before, keys, hash) }
  return undefined
}

function toPage(plan: ListPlan, hash: string, rows: unknown[][], total: number | undefined): Page {
  const more = rows.length > plan.limit
  if (more) rows.pop()
  const backward = plan.page?.direction === "before"
  if (backward) rows.reverse()
  const cursor = (values: unknown[]) => cursorOf(plan, hash, values)
  const [first, last] = [rows[0], rows.at(-1)]
  const hasNext = backward ? rows.length > 0 : more
  const hasPrevious = backward ? more : plan.page !== undefined && rows.length > 0
  return {
    data: rows.map((values) => decodeRecord(plan.projection, values)),
    page: {
      next: hasNext && last ? cursor(last) : null,
      previous: hasPrevious && first ? cursor(first) : null,
      ...(total !== undefined && { total }),
    },
  }
}

function cursorOf({ projection }: ListPlan, hash: string, values: unknown[]): string {
  return encodeCursor(extraValue(projection, values, 0) as Stored[], hash)
}
