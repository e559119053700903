/** The real database, which tells where each of its trips would go, and how many rows each reads and writes. */

export interface Trip {
  /** A session that starts unconstrained reads at the nearest copy; all else needs the primary. */
  readonly to: "replica" | "primary"
  readonly statements: number
  readonly rowsRead: number
  readonly rowsWritten: number
}

interface Watcher {
  readonly constraint: string
  note(trip: Trip): void
}

/** @param trips Grows with every call. */
export function watchD1(d1: D1Database, trips: Trip[]): D1Database {
  const note = (trip: Trip) => trips.push(trip)
  return {
    ...watched(d1, { constraint: "first-primary", note }),
    withSession: (constraint = "first-unconstrained") => {
      const session = d1.withSession(constraint)
      return { ...watched(session, { constraint, note }), getBookmark: () => session.getBookmark() }
    },
  } as unknown as D1Database
}

/** D1's own `batch` takes its own statements only. */
const ORIGINAL = new WeakMap<object, D1PreparedStatement>()

function watched(asked: Pick<D1Database, "prepare" | "batch">, watcher: Watcher) {
  return {
    prepare: (sql: string) => watchedStatement(asked.prepare(sql), watcher, sql),
    async batch(statements: D1PreparedStatement[]) {
      const results = await asked.batch(statements.map((statement) => ORIGINAL.get(statement) ?? statement))
      watcher.note(tripOf(results, watcher))
      return results
    },
  }
}

function watchedStatement(statement: D1PreparedStatement, watcher: Watcher, sql: string): D1PreparedStatement {
  const wrapped = {
    bind: (...values: unknown[]) => watchedStatement(statement.bind(...values), watcher, sql),
    async all() {
      const result = await statement.all()
      watcher.note(tripOf([result], watcher))
      return result
    },
    async run() {
      const result = await statement.run()
      watcher.note(tripOf([result], watcher))
      return result
    },
    async raw() {
      await noteSilent()
      return statement.raw()
    },
    async first(column?: string) {
      await noteSilent()
      return column === undefined ? statement.first() : statement.first(column)
    },
  } as unknown as D1PreparedStatement
  ORIGINAL.set(wrapped, statement)
  return wrapped

  /** These don't tell their rows, so a read is asked once more by the way that does. */
  async function noteSilent(): Promise<void> {
    const isRead = /^\s*select\b/i.test(sql)
    watcher.note(tripOf(isRead ? [await statement.all()] : [], watcher))
  }
}

function tripOf(results: readonly D1Result[], { constraint }: Watcher): Trip {
  const sum = (count: (meta: D1Meta) => number | undefined) =>
    results.reduce((total, { meta }) => total + (count(meta as D1Meta) ?? 0), 0)
  const rowsWritten = sum((meta) => meta.rows_written)
  return {
    to: constraint === "first-primary" || rowsWritten > 0 ? "primary" : "replica",
    statements: Math.max(1, results.length),
    rowsRead: sum((meta) => meta.rows_read),
    rowsWritten,
  }
}
