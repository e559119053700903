/** Who is present in a channel, in the topic's SQLite: members with their connections, and what hubs aren't told yet. */

import type { PresenceEntry, PresentMember } from "../core/live.ts"
import type { PresencePage } from "./fan-out.ts"
import { TopicTables } from "./topic-tables.ts"

/** Of one push. */
const MOST_ENTRIES = 1_000
/** Characters of one push, and of the list of all members; a call between objects takes 32 MiB. */
const MOST_SIZE = 8_000_000
/** By then every hub is told who has left, or forgotten. */
const LEFT_KEPT_MS = 10 * 60_000

/** `since` is the version in which the member came, as hubs know it. */
const TABLES = `CREATE TABLE present (
  member TEXT PRIMARY KEY,
  name TEXT,
  data TEXT NOT NULL,
  version INTEGER NOT NULL,
  since INTEGER NOT NULL,
  left_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX present_version ON present (version);
CREATE TABLE connections (
  hub TEXT NOT NULL,
  connection TEXT NOT NULL,
  member TEXT NOT NULL,
  PRIMARY KEY (hub, connection)
) STRICT, WITHOUT ROWID;
CREATE INDEX connections_member ON connections (member);`

/** In the key-value storage: the version that every hub is told, or will be told after a failure. */
const TOLD_KEY = "presence"

type Row = { member: string; name: string | null; data: string }
type EntryRow = Row & { version: number; since: number; left_at: number | null }

export class Presence {
  readonly #kv: SyncKvStorage
  readonly #tables: TopicTables
  readonly #now: () => number
  /** Of the newest change. */
  #version: number
  /** Up to which hubs are told. */
  #shown: number
  #members: Map<string, PresentMember> | undefined
  /** Hubs ask for the same, one after the other. */
  #page: { told: number; page: PresencePage } | undefined

  constructor({ kv, sql }: DurableObjectStorage, now: () => number) {
    this.#kv = kv
    this.#now = now
    this.#tables = new TopicTables(sql, "present", TABLES)
    const [row] = this.#tables.read<{ version: number | null }>("SELECT max(version) AS version FROM present")
    this.#version = row?.version ?? 0
    this.#shown = kv.get<number>(TOLD_KEY) ?? 0
  }

  get version(): number {
    return this.#version
  }

  get shown(): number {
    return this.#shown
  }

  /** Everybody who is there; the newest are left out where they are too many for one answer. */
  members(): PresentMember[] {
    let size = 0
    return [...this.#all().values()].filter(({ data }) => {
      size += data.length
      return size <= MOST_SIZE
    })
  }

  /** A member comes with its first connection; those that follow, and later calls, only change what it tells. */
  enter(hub: string, connection: string, member: PresentMember): void {
    const held = this.#memberOf(hub, connection)
    if (held !== undefined && held !== member.id) this.leave(hub, connection)
    if (held !== member.id) this.#tables.write("INSERT INTO connections VALUES (?, ?, ?)", hub, connection, member.id)
    const known = this.#all().get(member.id)
    if (known && known.name === member.name && known.data === member.data) return
    this.#all().set(member.id, member)
    // one who left and comes back before hubs are told has only changed
    this.#tables.write(
      `INSERT INTO present (member, name, data, version, since) VALUES (?1, ?2, ?3, ?4, ?4)
       ON CONFLICT (member) DO UPDATE SET name = ?2, data = ?3, version = ?4, left_at = NULL,
       since = CASE WHEN left_at IS NULL OR (version > ?5 AND since <= ?5) THEN since ELSE ?4 END`,
      member.id,
      member.name ?? null,
      member.data,
      ++this.#version,
      this.#shown,
    )
  }

  /** A member leaves with its last connection. */
  leave(hub: string, connection: string): void {
    const query = "DELETE FROM connections WHERE hub = ? AND connection = ? RETURNING member"
    if (this.#memberOf(hub, connection) !== undefined) this.#part(this.#tables.write<Row>(query, hub, connection))
  }

  /** All connections of a hub are gone. */
  leaveHub(hub: string): void {
    const query = "DELETE FROM connections WHERE hub = ? RETURNING member"
    const [any] = this.#tables.read("SELECT 1 FROM connections WHERE hub = ? LIMIT 1", hub)
    if (any) this.#part(this.#tables.write<Row>(query, hub))
  }

  /** From now on hubs are told all that has changed. */
  show(): void {
    this.#shown = this.#version
    this.#page = undefined
  }

  after(told: number): PresencePage {
    if (told >= this.#shown) return { entries: [], version: told }
    if (this.#page?.told !== told) this.#page = { told, page: this.#readPage(told) }
    return this.#page.page
  }

  /** Every hub is told up to here, as far as it can be reached. */
  told(version: number): void {
    if (version !== (this.#kv.get<number>(TOLD_KEY) ?? 0)) this.#kv.put(TOLD_KEY, version)
  }

  /** Forgets who has left long ago; never the newest change, whose version the next would get. */
  prune(): void {
    const query = "SELECT member FROM present WHERE left_at < ? AND version < ?"
    for (const { member } of [...this.#tables.read<Row>(query, this.#now() - LEFT_KEPT_MS, this.#shown)])
      this.#tables.write("DELETE FROM present WHERE member = ?", member)
  }

  #all(): Map<string, PresentMember> {
    this.#members ??= new Map(
      [...this.#tables.read<Row>("SELECT member, name, data FROM present WHERE left_at IS NULL ORDER BY since")].map(
        (row) => [row.member, toMember(row)],
      ),
    )
    return this.#members
  }

  #memberOf(hub: string, connection: string): string | undefined {
    const query = "SELECT member FROM connections WHERE hub = ? AND connection = ?"
    const [row] = [...this.#tables.read<Row>(query, hub, connection)]
    return row?.member
  }

  #part(rows: readonly Row[]): void {
    for (const member of new Set(rows.map((row) => row.member))) {
      const [other] = this.#tables.read("SELECT 1 FROM connections WHERE member = ? LIMIT 1", member)
      if (other) continue
      this.#all().delete(member)
      const query = "UPDATE present SET version = ?, left_at = ? WHERE member = ?"
      this.#tables.write(query, ++this.#version, this.#now(), member)
    }
  }

  #readPage(told: number): PresencePage {
    const rows = this.#tables.read<EntryRow>(
      `SELECT * FROM present WHERE version > ? AND version <= ? ORDER BY version LIMIT ${MOST_ENTRIES}`,
      told,
      this.#shown,
    )
    const entries: PresenceEntry[] = []
    let size = 0
    for (const row of rows) {
      size += row.data.length
      if (entries.length > 0 && size > MOST_SIZE) return { entries, version: entries.at(-1)!.version }
      entries.push(toEntry(row, told))
    }
    const isCut = entries.length === MOST_ENTRIES
    return { entries, version: isCut ? entries.at(-1)!.version : this.#shown }
  }
}

function toMember({ member: id, name, data }: Row): PresentMember {
  return name === null ? { id, data } : { id, name, data }
}

function toEntry(row: EntryRow, told: number): PresenceEntry {
  const kind = row.left_at !== null ? "left" : row.since > told ? "joined" : "updated"
  return { version: row.version, kind, member: toMember(row) }
}
