/** Explains every statement that the definitions lead to, and gathers what is wrong by the index that would mend it. */

import type { Query } from "../../src/db/query.ts"
import type { Backend } from "../../src/index.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { judge } from "./judge.ts"
import { covers, indexCode, type MissingIndex } from "./missing-index.ts"
import { type PlanRow, readPlan } from "./plan.ts"
import { type Statement, statementsOf } from "./statements.ts"

/** Statements that are explained side by side. */
const AT_A_TIME = 50

/** Answers EXPLAIN QUERY PLAN of a statement, from a database with the tables and indexes but without statistics. */
export type Explain = (query: Query) => Promise<readonly PlanRow[]>

export interface Note {
  /** Such as `films, sort -rating,title`. */
  readonly place: string
  readonly callers: readonly string[]
  /** Lines of the plans. */
  readonly plan: readonly string[]
}

export interface Finding extends Note {
  /** The SQL name of the table that lacks an index. */
  readonly table: string
  /** The index as Drizzle code; where none helps, what else to do. */
  readonly mend: string
}

export interface IndexCheck {
  /** How many different statements were explained. */
  readonly statements: number
  readonly findings: readonly Finding[]
  /** Sorts that no index can spare: of few rows, which a rule finds by several indexes. */
  readonly notes: readonly Note[]
}

/** One line of one statement's plan. */
interface Found {
  readonly statement: Statement
  readonly line: string
  readonly table: string
  readonly mend: string
}

export async function checkIndexes(backend: Backend, explain: Explain): Promise<IndexCheck> {
  const statements = statementsOf(backend)
  const plans = await explainAll(statements, explain)
  const models = [...Object.values(engineTables), ...backend.tables].map(tableModel)
  const tables = new Map(models.map((model) => [model.name, model]))
  const judged = statements.map((statement) => ({
    statement,
    ...judge(statement, readPlan(plans.get(statement.query.sql)!), tables),
  }))

  const faults = judged.flatMap(({ statement, faults }) => faults.map((fault) => ({ statement, ...fault })))
  const codeOf = nameIndexes(faults.flatMap(({ mend }) => (typeof mend === "string" ? [] : [mend])))
  const found = faults.map(
    ({ statement, line, mend }): Found =>
      typeof mend === "string"
        ? { statement, line, table: statement.table.name, mend }
        : { statement, line, table: mend.table.name, mend: codeOf(mend) },
  )
  const noted = judged.flatMap(({ statement, notes }) => notes.map((line) => ({ statement, line })))
  return {
    statements: plans.size,
    findings: groupBy(found, ({ statement, table, mend }) => [statement.place, table, mend].join("\n")).map(
      (group) => ({
        ...noteOf(group),
        table: group[0]!.table,
        mend: group[0]!.mend,
      }),
    ),
    notes: groupBy(noted, ({ statement }) => statement.place).map(noteOf),
  }
}

/** Callers that see the same send the same text, which is explained once. */
async function explainAll(
  statements: readonly Statement[],
  explain: Explain,
): Promise<ReadonlyMap<string, readonly PlanRow[]>> {
  const queries = [...new Map(statements.map(({ query }) => [query.sql, query])).values()]
  const plans = new Map<string, readonly PlanRow[]>()
  for (let start = 0; start < queries.length; start += AT_A_TIME) {
    const some = queries.slice(start, start + AT_A_TIME)
    const rows = await Promise.all(some.map(explain))
    for (const [i, { sql }] of some.entries()) plans.set(sql, rows[i]!)
  }
  return plans
}

/** Of indexes that begin alike only the longest is asked for. */
function nameIndexes(missing: readonly MissingIndex[]): (index: MissingIndex) => string {
  const longest = missing.filter(
    (index, i) => !missing.some((other, j) => i !== j && covers(other, index) && (!covers(index, other) || j < i)),
  )
  const names = new Set<string>()
  const codes = new Map(longest.map((index) => [index, indexCode(index, names)]))
  return (index) => codes.get(longest.find((other) => covers(other, index))!)!
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()]
}

function noteOf(group: readonly Pick<Found, "statement" | "line">[]): Note {
  return {
    place: group[0]!.statement.place,
    callers: [...new Set(group.map(({ statement }) => statement.caller))],
    plan: [...new Set(group.map(({ line }) => line))],
  }
}
