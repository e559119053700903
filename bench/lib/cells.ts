/** What is measured: one kind of request to one Worker. */

import type { Accounts } from "./accounts.ts"
import type { BenchRequest } from "./ask.ts"
import { createRequests, ROWS } from "./requests.ts"
import type { Seeded } from "./seed.ts"
import type { WorkerName } from "./server.ts"

export const MEASURES = [
  "get",
  "list",
  "expand",
  "create",
  "create once",
  "rows",
  "caller",
  "sign-in",
  "refresh",
  "empty",
  "cached get",
  "cached list",
  "cached expand",
  "kv get",
  "kv list",
  "kv expand",
] as const
export type Measure = (typeof MEASURES)[number]

export interface Cell {
  readonly measure: Measure
  readonly worker: WorkerName
  /** What is special about it. */
  readonly note: string
  readonly requests: readonly BenchRequest[]
  /** Fields of each record that must be there. */
  readonly fields: readonly string[]
}

/** The cells of a measure to whose CPU the others' is compared: that of the same measure unless told. */
export function baseOf(measure: Measure): { worker: WorkerName; measure: Measure } {
  if (/^(cached|kv|empty)\b/.test(measure)) return { worker: "empty", measure: "empty" }
  return { worker: "bare", measure }
}

const ENTRY_FIELDS = ["id", "createdAt", "updatedAt", "version"]
const FIELDS = [...ENTRY_FIELDS, "title", "body", "authorId"]
const WITH_AUTHOR = [...FIELDS, ...[...ENTRY_FIELDS, "name"].map((name) => `author.${name}`)]
const SESSION_FIELDS = ["accessToken", "refreshToken"]

/** The base of a measure comes first. */
export function cells(seeded: Seeded, accounts: Accounts): Cell[] {
  const make = createRequests(seeded)
  const reads = { get: FIELDS, list: FIELDS, expand: WITH_AUTHOR }
  const kinds = ["get", "list", "expand"] as const
  const forms = ["bare", "selvedge", "quiet"] as const
  const cell = (
    measure: Measure,
    worker: WorkerName,
    requests: readonly BenchRequest[],
    fields: readonly string[] = FIELDS,
    note = "",
  ): Cell => ({ measure, worker, note, requests, fields })
  return [
    ...kinds.flatMap((kind) => forms.map((form) => cell(kind, form, make.read(form, kind), reads[kind]))),
    ...forms.map((form) => cell("create", form, make.create(form, form !== "bare"))),
    ...forms.map((form) => cell("create once", form, make.createOnce(form, form !== "bare"))),
    ...forms.map((form) =>
      cell("caller", form, make.caller(form, form === "bare" ? seeded.sessions : seeded.tokens), ["id"]),
    ),
    cell("caller", "unlimited", make.caller("unlimited", seeded.tokens), ["id"], "without the limiter"),
    cell("list", "unlimited", make.read("unlimited", "list"), FIELDS, "without the limiter"),
    cell("get", "selvedge", make.read("selvedge", "get", "drafts"), FIELDS, "rule over rows"),
    cell("list", "selvedge", make.read("selvedge", "list", "drafts"), FIELDS, "rule over rows"),
    cell("create", "selvedge", make.create("selvedge", false, "drafts"), FIELDS, "rule over rows, checked reference"),
    cell("create", "still", make.create("still", true), FIELDS, "without the feed"),
    cell("create", "triggered", make.create("triggered", false), FIELDS, "bare, with the change trigger"),
    cell("rows", "bare", make.rows("bare"), ["id"], `${ROWS} in one statement`),
    cell("rows", "triggered", make.rows("triggered"), ["id"], `${ROWS} in one statement, with the change trigger`),
    cell("sign-in", "bare", make.signIn("bare", accounts), SESSION_FIELDS),
    cell("sign-in", "selvedge", make.signIn("selvedge", accounts), SESSION_FIELDS),
    cell("refresh", "bare", make.refresh("bare", accounts.bareRefreshTokens), SESSION_FIELDS),
    cell("refresh", "selvedge", make.refresh("selvedge", accounts.refreshTokens), SESSION_FIELDS),
    cell("empty", "empty", make.nothing(), []),
    cell("empty", "empty", make.nothing("/constant"), [], "a list's bytes"),
    ...kinds.flatMap((kind) =>
      (["cached", "cached-quiet"] as const).map((form) =>
        cell(`cached ${kind}`, form, make.kept(form, kind), reads[kind]),
      ),
    ),
    ...kinds.map((kind) => cell(`kv ${kind}`, "kv", make.keptFew("kv", kind), reads[kind])),
  ]
}

/** @throws Error when the answer isn't the records, with the fields, that it should be. */
export function checkAnswer({ measure, worker, requests, fields }: Cell, text: string): void {
  const answer = JSON.parse(text) as { data?: unknown }
  const records = (answer.data ?? [answer]) as Record<string, unknown>[]
  const count = /\b(list|expand)$/.test(measure) || requests[0]!.path === "/constant" ? 20 : 1
  if (records.length === count && records.every((record) => fields.every((field) => holds(record, field)))) return
  throw new Error(`${worker} ${measure}: ${requests[0]!.path} answers ${text.slice(0, 500)}`)
}

function holds(record: unknown, field: string): boolean {
  const value = field.split(".").reduce((part, name) => (part as Record<string, unknown> | undefined)?.[name], record)
  return value !== undefined && value !== null
}
