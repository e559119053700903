/** 100 authors and 10,000 posts, the same for all Workers; the bare one's tables have no triggers, and it has sessions. */

import { createHash } from "node:crypto"
import { planMigration } from "../../scripts/migrate/plan.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { createTokens } from "../../src/auth/tokens.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { backend } from "../app/backend.ts"
import type { BenchServer } from "./server.ts"
import { SECRET } from "./server.ts"

const AUTHORS = 100
const POSTS = 10_000
const BODY_BYTES = 216
/** As many as an isolate remembers tokens; each is used again and again, as those of people are. */
const SESSIONS = 997
const ROWS_PER_STATEMENT = 1_000
const START = Date.UTC(2026, 0, 1)

export interface Seeded {
  /** Authors of the seeded posts; the caller is none of them, so that lists stay as they are while posts come in. */
  readonly authors: readonly string[]
  readonly posts: readonly string[]
  readonly caller: string
  readonly token: string
  /** Of people who each ask who they are: as access tokens, and as sessions of the bare Worker. */
  readonly tokens: readonly string[]
  readonly sessions: readonly string[]
}

export const BODY = "The quick brown fox jumps over the lazy dog. ".repeat(5).slice(0, BODY_BYTES)

export async function seed({ databases }: BenchServer): Promise<Seeded> {
  const { selvedge, still, cached, bare, triggered, deferred } = databases
  const collections = [...backend.collections.values()]
  const { statements } = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(collections.map((collection) => [collection.table.name, collection.search])),
  })
  for (const db of [selvedge, still, cached, triggered, deferred]) await run(db, statements)
  const own = /^CREATE (TABLE|INDEX|UNIQUE INDEX) ("posts|"authors|"drafts)/
  await run(
    bare,
    statements.filter((statement) => own.test(statement)),
  )
  const authors = Array.from({ length: AUTHORS }, (_, i) => uuid(1, i))
  const posts = Array.from({ length: POSTS }, (_, i) => uuid(2, i))
  const caller = uuid(1, AUTHORS)
  for (const db of Object.values(databases)) {
    await insert(
      db,
      "authors",
      [...authors, caller].map((id, i) => ({ ...record(id, i), name: `Author ${i}` })),
    )
    if (db === deferred) continue
    await insert(
      db,
      "posts",
      posts.map((id, i) => post(id, i, authors)),
    )
  }
  await insert(
    selvedge,
    "drafts",
    posts.map((id, i) => post(id, i, authors)),
  )
  const tokens = createTokens({ db: selvedge, secret: SECRET, now: Date.now })
  const sign = (subject: string) => tokens.sign({ subject, roles: ["member"], lifetimeSeconds: 3600 })
  const token = await sign(caller)
  for (const db of [still, cached]) await copyKeys(selvedge, db)
  const people = Array.from({ length: SESSIONS }, (_, i) => uuid(3, i))
  return {
    authors,
    posts,
    caller,
    token,
    tokens: await Promise.all(people.map(sign)),
    sessions: await insertSessions(bare, people),
  }
}

/** So that the one takes the tokens of the other. */
async function copyKeys(from: D1Database, to: D1Database): Promise<void> {
  const { results } = await from.prepare("SELECT * FROM _signing_keys").all()
  await insert(to, "_signing_keys", results)
}

/** @returns The opaque tokens. */
async function insertSessions(bare: D1Database, people: readonly string[]): Promise<string[]> {
  const sessions = people.map((_, i) => createHash("sha256").update(`a session of the bench: ${i}`).digest("base64url"))
  await run(bare, [
    "CREATE TABLE sessions (token TEXT PRIMARY KEY, user_id TEXT NOT NULL, expires_at INTEGER NOT NULL)",
    "CREATE TABLE answers (key TEXT PRIMARY KEY, record_id TEXT NOT NULL)",
  ])
  const rows = sessions.map((token, i) => ({ token, user_id: people[i], expires_at: Number.MAX_SAFE_INTEGER }))
  await insert(bare, "sessions", rows)
  return sessions
}

async function run(db: D1Database, statements: readonly string[]): Promise<void> {
  await db.batch(statements.map((statement) => db.prepare(statement)))
}

/** Every value travels in one parameter. */
export async function insert(db: D1Database, table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  const names = Object.keys(rows[0]!)
  const values = names.map((name) => `value ->> '${name}'`).join(", ")
  const sql = `INSERT INTO ${table} (${names.join(", ")}) SELECT ${values} FROM json_each(?)`
  for (let start = 0; start < rows.length; start += ROWS_PER_STATEMENT) {
    await db
      .prepare(sql)
      .bind(JSON.stringify(rows.slice(start, start + ROWS_PER_STATEMENT)))
      .run()
  }
}

function post(id: string, i: number, authors: readonly string[]) {
  return { ...record(id, i), title: `Post ${i}`, body: BODY, author_id: authors[i % authors.length] }
}

function record(id: string, i: number) {
  const at = START + i * 1_000
  return { id, created_at: at, updated_at: at, version: 1 }
}

export function uuid(kind: number, i: number): string {
  return `0199000${kind}-0000-7000-8000-${i.toString(16).padStart(12, "0")}`
}
