/** Which tables a request has written, as far as the text of its statements tells. */

const READS = /^\s*(?:SELECT|PRAGMA|EXPLAIN)\b/i
/** A delete may reach any other table by its foreign keys, so it isn't here. */
const WRITES =
  /^\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?)\s+(?:"((?:[^"]|"")+)"|([\w$]+))/i

export class WrittenTables {
  /** SQL names. */
  readonly names = new Set<string>()
  /** Whether any other table may be among them. */
  isOpen = false

  get isEmpty(): boolean {
    return !this.isOpen && this.names.size === 0
  }

  /** @returns Whether the statement may write. */
  note(sql: string): boolean {
    if (READS.test(sql)) return false
    const [, quoted, plain] = WRITES.exec(sql) ?? []
    const name = quoted?.replaceAll('""', '"') ?? plain
    if (name === undefined) this.isOpen = true
    else this.names.add(name)
    return true
  }
}
