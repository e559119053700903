/** `atomic([...])`: Drizzle statements, writes of records and expectations as one batch of D1. */

import { ApplicationError, type ProblemDetail, SelvedgeError } from "../core/problem.ts"
import { FRESHNESS_QUERY } from "../db/database.ts"
import { readFailure } from "../db/errors.ts"
import { guard } from "../db/guard.ts"
import type { BuiltStatement, Query, ResultRow } from "../db/query.ts"
import type { RecordsContext } from "./context.ts"
import { type Claim, claimQueries, MOST_ANSWER_BYTES } from "./idempotency.ts"
import { RecordOperation } from "./records.ts"
import { explainFailure } from "./run.ts"

/** What the statement before it must have done; made with {@link expectRows}. */
export interface Expectation {
  readonly rows: number
  readonly error: ApplicationError
}

export type AtomicStatement = BuiltStatement | RecordOperation<unknown> | Expectation

/** One result a statement: a record, the rows that RETURNING gave, or nothing for an expectation. */
export type Atomic = readonly (unknown | ResultRow[] | undefined)[]

/** Thrown when the batch stopped at a key that was used before; the answer is stored. */
export class ReplayError extends Error {}

/**
 * Refuses the whole batch unless the statement before it changed exactly `rows` rows.
 *
 * @param code The problem's code, such as `out_of_stock`; answers 422.
 * @example
 * atomic([db.update(films).set({ stock: sql`stock - 1` }).where(…), expectRows(1, "out_of_stock")])
 */
export function expectRows(
  rows: number,
  code: string,
  detail = "The request does not fit the data as it is now.",
  errors?: ProblemDetail[],
): Expectation {
  if (!/^[a-z_]+$/.test(code)) throw new TypeError(`${code}: a problem code is made of lower-case letters and _`)
  return { rows, error: new ApplicationError(code, detail, errors && { errors }) }
}

/** @param claim Stores `answer` under the request's Idempotency-Key, in the same batch. */
export async function runAtomic(
  context: RecordsContext,
  statements: readonly AtomicStatement[],
  claim: Claim | undefined,
  answer: { status: number; body: unknown } | undefined,
): Promise<Atomic> {
  const head = claim && answer ? claimQueries(claim, context.now(), keptAnswer(answer)) : []
  const parts = statements.map((statement, index) => queriesOf(statement, index))
  try {
    const rows = await context.db.write([...head, ...parts.flat(), FRESHNESS_QUERY], { isRepeatable: head.length > 0 })
    context.db.sawFreshness(rows.at(-1)?.[0]?.freshness)
    return share(statements, parts, rows.slice(head.length))
  } catch (error) {
    throw await explain(context, statements, error)
  }
}

function keptAnswer({ status, body }: { status: number; body: unknown }): { status: number; body: string } {
  const text = JSON.stringify(body)
  if (text.length <= MOST_ANSWER_BYTES / 3 || new TextEncoder().encode(text).length <= MOST_ANSWER_BYTES)
    return { status, body: text }
  throw new TypeError(`the answer of an idempotent route may hold ${MOST_ANSWER_BYTES} bytes; answer with ids instead`)
}

function queriesOf(statement: AtomicStatement, index: number): Query[] {
  if (statement instanceof RecordOperation) return statement.operation.queries(index, undefined)
  if ("rows" in statement) {
    return [guard(`SELECT 'expectation:${index}' WHERE changes() <> ?`, [statement.rows])]
  }
  return [statement.toSQL()]
}

/** What each statement gave; those that wait for the commit are told of it. */
function share(
  statements: readonly AtomicStatement[],
  parts: readonly Query[][],
  rows: readonly ResultRow[][],
): Atomic {
  let start = 0
  return statements.map((statement, i) => {
    const own = rows.slice(start, start + parts[i]!.length)
    start += parts[i]!.length
    if (statement instanceof RecordOperation) {
      const result = statement.operation.result(own)
      statement.operation.committed(result)
      return result.record
    }
    if ("rows" in statement) return undefined
    statement.committed?.()
    return own[0]
  })
}

async function explain(
  context: RecordsContext,
  statements: readonly AtomicStatement[],
  error: unknown,
): Promise<unknown> {
  const failure = readFailure(error)
  if (failure.kind === "guard" && failure.code === "replay") return new ReplayError()
  if (failure.kind === "guard" && failure.code === "expectation") {
    const expectation = statements[failure.operation]
    return expectation && "rows" in expectation ? expectation.error : error
  }
  if (failure.kind === "guard") return explainFailure(context, [], failure, error)
  if (failure.kind === "unique")
    return new SelvedgeError("conflict", "Another record stands in the way.", { cause: error })
  const [only] = statements.filter((statement) => statement instanceof RecordOperation)
  return explainFailure(context, only ? [only.operation] : [], failure, error)
}
