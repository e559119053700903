/** Runs writes as one batch, and says what a refusal of the database means. */

import { visibleColumns } from "../access/visibility.ts"
import { SelvedgeError, validationFailed } from "../core/problem.ts"
import { FRESHNESS_QUERY } from "../db/database.ts"
import { type Failure, readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { Query, ResultRow } from "../db/query.ts"
import { refusal } from "../db/refusals.ts"
import type { Column } from "../schema/columns.ts"
import type { RecordsContext } from "./context.ts"
import { type Claim, claimQueries, findAnswer, Recorder } from "./idempotency.ts"
import type { Operation, WriteResult } from "./operation.ts"
import { tooLarge } from "./size.ts"

export interface Written {
  readonly results: WriteResult[]
  /** Whether these are the answers of an earlier run under the same key. */
  readonly replayed: boolean
}

/** All or nothing. @throws SelvedgeError that says which operation was refused, and why. */
export async function runOperations(
  context: RecordsContext,
  operations: readonly Operation[],
  claim?: Claim,
): Promise<Written> {
  const recorder = claim && new Recorder(claim)
  const parts = operations.map((operation, index) => operation.queries(index, recorder))
  const head = claim ? claimQueries(claim, context.now()) : []
  const tail = [...(recorder ? [recorder.sizeGuard()] : []), FRESHNESS_QUERY]
  try {
    const rows = await context.db.write([...head, ...parts.flat(), ...tail], { isRepeatable: claim !== undefined })
    context.db.sawFreshness(rows.at(-1)?.[0]?.freshness)
    const results = share(rows.slice(head.length), operations, parts)
    for (const [i, operation] of operations.entries()) operation.committed(results[i]!)
    return { results, replayed: false }
  } catch (error) {
    const failure = readFailure(error)
    if (claim && failure.kind === "guard" && failure.code === "replay") return replay(context, operations, claim)
    throw await explainFailure(context, operations, failure, error)
  }
}

/** One write by itself: a refusal names no operation. */
export async function runOperation(
  context: RecordsContext,
  operation: Operation,
  claim?: Claim,
): Promise<{ result: WriteResult; replayed: boolean }> {
  try {
    const { results, replayed } = await runOperations(context, [operation], claim)
    return { result: results[0]!, replayed }
  } catch (error) {
    throw error instanceof SelvedgeError ? error.at(undefined) : error
  }
}

function share(
  rows: readonly ResultRow[][],
  operations: readonly Operation[],
  parts: readonly Query[][],
): WriteResult[] {
  let start = 0
  return operations.map((operation, i) => {
    const end = start + parts[i]!.length
    const result = operation.result(rows.slice(start, end))
    start = end
    return result
  })
}

async function replay(context: RecordsContext, operations: readonly Operation[], claim: Claim): Promise<Written> {
  const answer = await findAnswer(context.db, claim, context.now())
  if (!answer)
    throw new SelvedgeError("idempotency_in_progress", "The request under this Idempotency-Key has not ended.")
  const entries = JSON.parse(answer.body) as unknown[][]
  return { results: operations.map((operation, i) => operation.replay(entries[i]!)), replayed: true }
}

/** What a failed batch is to the caller. Without an operation to ask, a broken constraint stays what D1 threw. */
export async function explainFailure(
  context: RecordsContext,
  operations: readonly Operation[],
  failure: Failure,
  error: unknown,
): Promise<unknown> {
  if (failure.kind === "guard") return fromGuard(failure, error)
  if (["overloaded", "transient", "unknown"].includes(failure.kind) || operations.length === 0) return refusal(error)
  const index = operations.length === 1 ? 0 : await findRefused(context, operations)
  return fromConstraint(context, operations[index]!, failure, error).at(index)
}

function fromGuard({ code, operation, subject }: Extract<Failure, { kind: "guard" }>, cause: unknown): unknown {
  switch (code) {
    case "not_found":
      return new SelvedgeError("not_found", "There is no such record.", { operation, cause })
    case "forbidden":
      return new SelvedgeError("forbidden", "You may not do this.", { operation, cause })
    case "precondition_failed":
      return new SelvedgeError("precondition_failed", "The record is not as the request's conditions want it.", {
        operation,
        cause,
      })
    case "payload_too_large":
      return tooLarge().at(operation)
    case "reference_not_found":
      return referenceNotFound(subject, cause).at(operation)
    case "read_only":
      return validationFailed([
        { pointer: `/${subject}`, code, message: "can't be changed by you; send it as it is, or leave it out" },
      ]).at(operation)
    case "required":
      return validationFailed([{ pointer: `/${subject}`, code, message: "is required" }]).at(operation)
    default:
      return cause
  }
}

function fromConstraint(
  { caller }: RecordsContext,
  { collection, action }: Operation,
  failure: Failure,
  cause: unknown,
): SelvedgeError {
  const visible = new Map(visibleColumns(collection, caller).map((column): [string, Column] => [column.name, column]))
  switch (failure.kind) {
    case "unique": {
      const keys = failure.columns.flatMap((name) => visible.get(name)?.key ?? [])
      const errors = keys.map((key) => ({ pointer: `/${key}`, code: "conflict", message: "is taken" }))
      const detail =
        keys.length > 0 ? `Another record has the same ${keys.join(" and ")}.` : "Another record stands in the way."
      return new SelvedgeError("conflict", detail, { ...(errors.length > 0 && { errors }), cause })
    }
    case "foreign_key":
      if (action !== "delete") return referenceNotFound(undefined, cause)
      return new SelvedgeError("still_referenced", "Other records refer to this one.", { cause })
    case "not_null":
    case "type": {
      const key = visible.get(failure.column)?.key
      const code = failure.kind === "type" ? "invalid_type" : "required"
      return validationFailed([
        { pointer: key ? `/${key}` : "", code, message: code === "required" ? "is required" : "has the wrong type" },
      ])
    }
    case "check":
      return validationFailed([{ pointer: "", code: "check_failed", message: `breaks the rule ${failure.name}` }])
    case "too_big":
      return tooLarge()
    default:
      return new SelvedgeError("internal", "The write failed.", { cause })
  }
}

function referenceNotFound(field: string | undefined, cause: unknown): SelvedgeError {
  return new SelvedgeError("reference_not_found", "A record that this one refers to does not exist.", {
    ...(field && { errors: [{ pointer: `/${field}`, code: "reference_not_found", message: "names no record" }] }),
    cause,
  })
}

/** D1 doesn't say which statement broke a constraint: tries ever shorter beginnings of the batch, each of which is undone. */
async function findRefused(context: RecordsContext, operations: readonly Operation[]): Promise<number> {
  let [least, most] = [0, operations.length - 1]
  while (least < most) {
    const middle = (least + most) >> 1
    const queries = operations.slice(0, middle + 1).flatMap((operation, index) => operation.queries(index, undefined))
    const failure = await context.db.write([...queries, guard("'undo'", [])]).then(
      () => undefined,
      (error: unknown) => readFailure(error),
    )
    if (failure?.kind === "guard" && failure.code === "undo") least = middle + 1
    else most = middle
  }
  return least
}
