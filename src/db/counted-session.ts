/** A D1 session for Drizzle, whose calls are counted, cut off and made again as the engine's own are. */

import { type Asker, ask } from "./ask.ts"
import { countRows } from "./cost.ts"

/**
 * @param open The session that a call is to run in: it may be another after a write.
 * @param asker Its cost grows with every call. The rows of `raw` and `first` stay uncounted: D1 doesn't tell them.
 * @param note Is told of each statement that runs, and says whether it may write.
 */
export function countedSession(
  open: () => D1DatabaseSession,
  asker: Asker,
  note: (sql: string) => boolean,
): D1DatabaseSession {
  /** @param run Is given D1's own statements, of the session of the moment. */
  async function run<T>(
    statements: readonly CountedStatement[],
    work: (session: D1DatabaseSession, statements: D1PreparedStatement[]) => Promise<T>,
  ): Promise<T> {
    let isRead = true
    for (const { sql } of statements) if (note(sql)) isRead = false
    return ask(asker, { statements: statements.length, isRead }, async () => {
      const session = open()
      return work(
        session,
        statements.map(({ sql, values }) => session.prepare(sql).bind(...values)),
      )
    })
  }
  const one: Run = async (statement, work) => {
    const result = await run([statement], (_session, [own]) => work(own!))
    const { meta } = (result ?? {}) as { meta?: D1Meta }
    if (meta) countRows(asker.cost, meta)
    return result
  }
  return {
    prepare: (sql: string) => new CountedStatement(one, sql, []),
    async batch(statements: CountedStatement[]) {
      const results = await run(statements, (session, own) => session.batch(own))
      for (const { meta } of results) countRows(asker.cost, meta)
      return results
    },
    getBookmark: () => open().getBookmark(),
  } as unknown as D1DatabaseSession
}

type Run = <T>(statement: CountedStatement, work: (own: D1PreparedStatement) => Promise<T>) => Promise<T>

/** Belongs to no session until it runs. */
class CountedStatement {
  readonly #run: Run
  readonly sql: string
  readonly values: readonly unknown[]

  constructor(run: Run, sql: string, values: readonly unknown[]) {
    this.#run = run
    this.sql = sql
    this.values = values
  }

  bind(...values: unknown[]): CountedStatement {
    return new CountedStatement(this.#run, this.sql, values)
  }

  all(): Promise<D1Result> {
    return this.#run(this, (own) => own.all())
  }

  run(): Promise<D1Result> {
    return this.#run(this, (own) => own.run())
  }

  raw(options?: { columnNames?: false }): Promise<unknown[][]> {
    return this.#run(this, (own) => own.raw(options))
  }

  first(column?: string): Promise<unknown> {
    return this.#run(this, (own) => (column === undefined ? own.first() : own.first(column)))
  }
}
