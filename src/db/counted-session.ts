/** A D1 session for Drizzle that counts what is asked of it. */

import { type Cost, countRows } from "./cost.ts"

const RUNS: readonly string[] = ["all", "run", "raw", "first"]

/**
 * @param cost Grows with every call. The rows of `raw` and `first` stay uncounted: D1 doesn't tell them.
 * @param note Is told of each statement.
 */
export function countedSession(session: D1DatabaseSession, cost: Cost, note: (sql: string) => void): D1DatabaseSession {
  return {
    prepare(sql: string) {
      note(sql)
      return countedStatement(session.prepare(sql), cost)
    },
    async batch(statements: D1PreparedStatement[]) {
      cost.trips++
      cost.statements += statements.length
      const results = await session.batch(statements.map((statement) => ORIGINAL.get(statement) ?? statement))
      for (const { meta } of results) countRows(cost, meta)
      return results
    },
    getBookmark: () => session.getBookmark(),
  } as D1DatabaseSession
}

/** D1's own `batch` takes its own statements only. */
const ORIGINAL = new WeakMap<object, D1PreparedStatement>()

function countedStatement(statement: D1PreparedStatement, cost: Cost): D1PreparedStatement {
  const counted = new Proxy(statement, {
    get(target, name) {
      if (name === "bind") return (...values: unknown[]) => countedStatement(target.bind(...values), cost)
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (!RUNS.includes(name as string)) return value.bind(target)
      return async (...values: unknown[]) => {
        cost.trips++
        cost.statements++
        const result = await value.apply(target, values)
        if (result?.meta) countRows(cost, result.meta)
        return result
      }
    },
  })
  ORIGINAL.set(counted, statement)
  return counted
}
