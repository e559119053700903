/** A part of a topic's SQLite. Its tables are made with the first write: a topic that keeps nothing leaves nothing. */

export class TopicTables {
  readonly #sql: SqlStorage
  readonly #definition: string
  #exist: boolean

  /** @param first One of the tables, by which it is known whether all are there. */
  constructor(sql: SqlStorage, first: string, definition: string) {
    this.#sql = sql
    this.#definition = definition
    this.#exist = [...sql.exec("SELECT 1 FROM sqlite_master WHERE name = ?", first)].length > 0
  }

  read<R extends Record<string, SqlStorageValue>>(query: string, ...params: SqlStorageValue[]): Iterable<R> {
    return this.#exist ? this.#sql.exec<R>(query, ...params) : []
  }

  write<R extends Record<string, SqlStorageValue>>(query: string, ...params: SqlStorageValue[]): R[] {
    if (!this.#exist) this.#sql.exec(this.#definition)
    this.#exist = true
    return this.#sql.exec<R>(query, ...params).toArray()
  }
}
