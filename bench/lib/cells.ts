/** What is measured: one kind of request to one Worker. */

import { Agent } from "node:http"
import { ask, type BenchRequest } from "./ask.ts"
import { BODY, type Seeded } from "./seed.ts"
import { hostOf, type WorkerName } from "./server.ts"

export const MEASURES = ["get", "list", "expand", "create", "caller", "rows"] as const
/** Those that all three forms answer: bare, Selvedge, and Selvedge without its log. */
const COMMON = ["get", "list", "expand", "create", "caller"] as const
export type Measure = (typeof MEASURES)[number]

export interface Cell {
  readonly measure: Measure
  readonly worker: WorkerName
  /** What is special about it. */
  readonly note: string
  readonly requests: readonly BenchRequest[]
}

/** Requests that one cell goes through, again and again. */
const DIFFERENT_REQUESTS = 997
const STATUS = { get: 200, list: 200, expand: 200, create: 201, caller: 200, rows: 201 }
const RECORDS = { get: 1, list: 20, expand: 20, create: 1, caller: 1, rows: 1 }
/** Written by one request of the measure `rows`. */
const ROWS = 50
const FIELDS = ["id", "createdAt", "updatedAt", "version", "title", "body", "authorId"]
const AUTHOR_FIELDS = ["id", "createdAt", "updatedAt", "version", "name"]

/** The bare Worker's cell of a measure comes first: the ratios are taken to it. */
export function cells(seeded: Seeded): Cell[] {
  const cell = (measure: Measure, worker: WorkerName, collection = "posts", note = ""): Cell => ({
    measure,
    worker,
    note,
    requests: requests(measure, worker, collection, seeded),
  })
  return [
    ...COMMON.flatMap((measure) => [cell(measure, "bare"), cell(measure, "selvedge"), cell(measure, "quiet")]),
    cell("get", "selvedge", "drafts", "rule over rows"),
    cell("list", "selvedge", "drafts", "rule over rows"),
    cell("create", "selvedge", "drafts", "rule over rows, checked reference"),
    cell("create", "still", "posts", "without the feed"),
    cell("create", "triggered", "posts", "bare, with the change trigger"),
    cell("rows", "bare", "drafts/many", `${ROWS} in one statement`),
    cell("rows", "triggered", "drafts/many", `${ROWS} in one statement, with the change trigger`),
  ]
}

/** @throws Error when a Worker doesn't answer with the records, and the fields, that it should. */
export async function checkCell({ measure, worker, requests }: Cell, origin: string): Promise<void> {
  const agent = new Agent({ keepAlive: false })
  const answer = JSON.parse(await ask(agent, origin, requests[0]!)) as { data?: unknown }
  const records = (answer.data ?? [answer]) as Record<string, unknown>[]
  const isWhole = (record: Record<string, unknown>) =>
    holds(record, measure === "caller" || measure === "rows" ? ["id"] : FIELDS) &&
    (measure !== "expand" || holds(record.author as Record<string, unknown>, AUTHOR_FIELDS))
  if (records.length !== RECORDS[measure] || !records.every(isWhole)) {
    throw new Error(`${worker} ${measure}: ${requests[0]!.path} answers ${JSON.stringify(answer).slice(0, 500)}`)
  }
}

function holds(record: Record<string, unknown> | undefined, fields: readonly string[]): boolean {
  return fields.every((field) => record?.[field] !== undefined && record[field] !== null)
}

/** Both Workers get the same requests, token and all; but who calls, the bare one finds in its sessions. */
function requests(measure: Measure, worker: WorkerName, collection: string, seeded: Seeded): BenchRequest[] {
  const path = measure === "caller" ? "/v1/caller" : `/v1/${collection}`
  const status = STATUS[measure]
  const headers = { Host: hostOf(worker), Authorization: `Bearer ${seeded.token}`, Accept: "*/*" }
  if (measure === "rows") {
    const row = { title: "A new post", body: BODY, authorId: seeded.caller }
    const body = JSON.stringify(Array.from({ length: ROWS }, () => row))
    return [{ method: "POST", path, headers: { ...headers, "Content-Type": "application/json" }, body, status }]
  }
  if (measure === "create") {
    const stamped = collection === "posts" && worker !== "bare" && worker !== "triggered"
    const body = JSON.stringify({ title: "A new post", body: BODY, ...(!stamped && { authorId: seeded.caller }) })
    return [{ method: "POST", path, headers: { ...headers, "Content-Type": "application/json" }, body, status }]
  }
  if (measure === "caller") {
    const tokens = worker === "bare" ? seeded.sessions : seeded.tokens
    return tokens.map((token) => ({
      method: "GET",
      path,
      headers: { ...headers, Authorization: `Bearer ${token}` },
      status,
    }))
  }
  return Array.from({ length: DIFFERENT_REQUESTS }, (_, i): BenchRequest => {
    const post = seeded.posts[(i * 7919) % seeded.posts.length]!
    const author = seeded.authors[(i * 31) % seeded.authors.length]!
    const query = `authorId=${author}&sort=-createdAt&limit=20${measure === "expand" ? "&expand=author" : ""}`
    return { method: "GET", path: measure === "get" ? `${path}/${post}` : `${path}?${query}`, headers, status }
  })
}
