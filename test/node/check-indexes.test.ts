/** The index check on backends that lack one index each, on a real D1. */

import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { desc } from "drizzle-orm"
import { toSnakeCase } from "drizzle-orm/casing"
import { index, integer, type SQLiteColumn, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"
import { anyOf, anyone, type Backend, type Caller, collection, defineBackend, many, one, owner, role } from "selvedge"
import { recordColumns, users } from "selvedge/tables"
import { expect, test } from "vitest"
import { checkIndexes, type IndexCheck } from "../../scripts/check-indexes/check.ts"
import { openDatabase } from "../../scripts/check-indexes/database.ts"
import { report } from "../../scripts/check-indexes/report.ts"
import { planMigration } from "../../scripts/migrate/plan.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { backend as fixture } from "../fixture/backend.ts"

const ROOT = join(import.meta.dirname, "../..")

/** The columns of `tracks` by their keys; Drizzle hands them to the indexes. */
type Columns = Record<
  "id" | "createdAt" | "title" | "year" | "listed" | "albumId" | "ownerId" | "editorId",
  SQLiteColumn
>
type Indexes = (t: Columns) => ReturnType<ReturnType<typeof index>["on"]>[]

const albums = sqliteTable("albums", { ...recordColumns(), name: text().notNull() }, (t) => [
  index("albums_by_name").on(t.name, t.id),
])

const BY_ALBUM: Indexes = (t) => [index("tracks_by_album").on(t.albumId, t.createdAt, t.id)]
const BY_USERS: Indexes = (t) => [index("tracks_by_owner").on(t.ownerId), index("tracks_by_editor").on(t.editorId)]
const BY_OWNER: Indexes = (t) => [index("tracks_by_owner").on(t.ownerId, t.createdAt, t.id)]
const BY_CREATION: Indexes = (t) => [index("tracks_by_creation").on(t.createdAt, t.id)]

function tracksWith(...indexes: Indexes[]) {
  return sqliteTable(
    "tracks",
    {
      ...recordColumns(),
      title: text().notNull(),
      year: integer(),
      listed: integer({ mode: "boolean" }).notNull().default(true),
      albumId: text()
        .notNull()
        .references(() => albums.id, { onDelete: "cascade" }),
      ownerId: text().references(() => users.id),
      editorId: text().references(() => users.id),
    },
    (t) => indexes.flatMap((each) => each(t)),
  )
}

type Tracks = ReturnType<typeof tracksWith>
type Read = (caller: Caller) => boolean | Record<string, unknown>

function shelf(tracks: Tracks, sort: string, read: Read = anyone) {
  return defineBackend({
    tables: { albums, tracks },
    collections: {
      albums: collection(albums, { access: { read: anyone }, relations: { tracks: many(tracks) }, sorts: ["name"] }),
      tracks: collection(tracks, {
        access: { read: read as typeof anyone },
        relations: { album: one(albums) },
        sorts: [sort],
      }),
    },
  })
}

test("an order needs an index with the same directions, which is named ready to paste", async () => {
  const rest = [BY_ALBUM, BY_USERS]
  const lacking = await check(shelf(tracksWith(...rest), "-year,title"))
  expect(lacking.findings).toEqual([
    {
      place: "tracks, sort -year,title",
      callers: ["anonymous", "user"],
      plan: expect.arrayContaining(["SCAN t", "USE TEMP B-TREE FOR ORDER BY"]),
      table: "tracks",
      mend: 'index("tracks_by_year").on(desc(t.year), t.title, t.id)',
    },
  ])
  const mended: Indexes = (t) => [index("tracks_by_year").on(desc(t.year), t.title, t.id)]
  expect(await check(shelf(tracksWith(...rest, mended), "-year,title"))).toMatchObject({ findings: [], notes: [] })

  const otherWay: Indexes = (t) => [index("tracks_by_year").on(t.year, t.title, t.id)]
  const { findings } = await check(shelf(tracksWith(...rest, otherWay), "-year,title"))
  expect(findings).toMatchObject([{ mend: 'index("tracks_by_year_title").on(desc(t.year), t.title, t.id)' }])
})

test("a relation without an index on its foreign key fails, and so does the delete of what it refers to", async () => {
  const { findings } = await check(shelf(tracksWith(BY_USERS, BY_CREATION), "-createdAt"))
  const mend = 'index("tracks_by_album").on(t.albumId, t.createdAt, t.id)'
  expect(findings.map((finding) => [finding.place, finding.mend])).toEqual([
    ["albums, expand tracks", mend],
    ["albums, expand tracks.album", mend],
    ["tracks, expand album.tracks", mend],
    ["albums, delete (tracks.albumId refers to it)", mend],
  ])
  expect(await check(shelf(tracksWith(BY_USERS, BY_CREATION, BY_ALBUM), "-createdAt"))).toMatchObject({ findings: [] })
})

test("an owner's rows are found by the owner, not by walking everybody's in order", async () => {
  const read = anyOf(owner("ownerId"), role("staff"))
  const rest = [BY_ALBUM, BY_CREATION]
  const mend = 'index("tracks_by_owner_created_at").on(t.ownerId, t.createdAt, t.id)'
  const byUsers = await check(shelf(tracksWith(...rest, BY_USERS), "-createdAt", read))
  expect(byUsers.findings).toEqual([
    {
      place: "tracks, sort -createdAt",
      callers: ["user"],
      plan: ["SEARCH t USING INDEX tracks_by_owner (owner_id=?)", "USE TEMP B-TREE FOR ORDER BY"],
      table: "tracks",
      mend,
    },
  ])
  const unused: Indexes = (t) => [
    index("tracks_by_title").on(t.title, t.ownerId),
    index("tracks_by_editor").on(t.editorId),
  ]
  const walking = await check(shelf(tracksWith(...rest, unused), "-createdAt", read))
  expect(walking.findings).toMatchObject([
    {
      place: "tracks, sort -createdAt",
      callers: ["user"],
      plan: [expect.stringMatching(/^SCAN t USING .*INDEX tracks_by_creation$/)],
    },
    { place: "_users, delete (tracks.ownerId refers to it)" },
  ])
  const editor: Indexes = (t) => [index("tracks_by_editor").on(t.editorId)]
  const mended = await check(shelf(tracksWith(...rest, BY_OWNER, editor), "-createdAt", read))
  expect(mended).toMatchObject({ findings: [], notes: [] })
})

test("a rule that most rows fit, or that is an or, is tested along the order's index", async () => {
  const read = (caller: Caller) => ({ or: [{ listed: true }, { ownerId: caller.id }] })
  const tracks = () => tracksWith(BY_ALBUM, BY_USERS, BY_CREATION)
  expect(await check(shelf(tracks(), "-createdAt", read))).toMatchObject({ findings: [], notes: [] })
  expect(await check(shelf(tracks(), "-createdAt", () => ({ listed: true })))).toMatchObject({
    findings: [],
    notes: [],
  })
})

test("an index on a column of two values hides the order, and the way out depends on the rule", async () => {
  const byListed: Indexes = (t) => [index("tracks_by_listed").on(t.listed)]
  const tracks = () => tracksWith(BY_ALBUM, BY_USERS, BY_CREATION, byListed)
  const alone = await check(shelf(tracks(), "-createdAt", () => ({ listed: true })))
  expect(alone.findings.map((finding) => finding.mend)).toEqual([
    'index("tracks_by_listed_created_at").on(t.listed, t.createdAt, t.id)',
  ])
  const either = (caller: Caller) => ({ or: [{ listed: true }, { ownerId: caller.id }] })
  const { findings } = await check(shelf(tracks(), "-createdAt", either))
  expect(findings.find(({ callers }) => callers.includes("user"))).toMatchObject({
    mend: expect.stringMatching(/^take away the index tracks_by_listed,/),
  })
})

test("a unique index on a column that can be null hides the order too", async () => {
  const byYear: Indexes = (t) => [
    uniqueIndex("tracks_once").on(t.year),
    index("tracks_by_year").on(desc(t.year), desc(t.id)),
  ]
  const { findings } = await check(shelf(tracksWith(BY_ALBUM, BY_USERS, byYear), "-year"))
  expect(findings).toMatchObject([
    {
      plan: ["SEARCH t USING INDEX tracks_once (year=?)", "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"],
      mend: "take away the index tracks_once, or the order: SQLite prefers the one, which doesn't help the other",
    },
  ])
})

test("an or of two owners takes both indexes and sorts few rows, which is noted", async () => {
  const read = (caller: Caller) => ({ or: [{ ownerId: caller.id }, { editorId: caller.id }] })
  const { findings, notes } = await check(shelf(tracksWith(BY_ALBUM, BY_USERS, BY_CREATION), "-createdAt", read))
  expect(findings).toEqual([])
  expect(notes).toEqual([
    {
      place: "tracks, sort -createdAt",
      callers: ["user"],
      plan: [
        "SEARCH t USING INDEX tracks_by_owner (owner_id=?)",
        "SEARCH t USING INDEX tracks_by_editor (editor_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
      ],
    },
  ])
})

test("a rule through a relation searches the related rows, for every role that a rule asks for", async () => {
  const members = sqliteTable(
    "members",
    {
      ...recordColumns(),
      albumId: text()
        .notNull()
        .references(() => albums.id),
      userId: text().notNull(),
    },
    (t) => [uniqueIndex("members_once").on(t.userId, t.albumId)],
  )
  const asked = (caller: Caller) =>
    caller.roles.includes("guest") && caller.roles.includes("steward") && { members: { some: { userId: caller.id } } }
  const backend = defineBackend({
    tables: { albums, members },
    collections: {
      albums: collection(albums, {
        access: { read: anyone, update: asked },
        relations: { members: many(members, { fields: ["userId"] }) },
        sorts: ["name"],
      }),
    },
  })
  const { findings } = await check(backend)
  expect(findings.map(({ place, callers, mend }) => [place, callers, mend])).toEqual([
    [
      "albums, expand members",
      ["anonymous", "user", "role guest", "role steward", "roles guest and steward"],
      'index("members_by_album").on(t.albumId, t.createdAt, t.id)',
    ],
    [
      "albums, delete (members.albumId refers to it)",
      ["everyone"],
      'index("members_by_album").on(t.albumId, t.createdAt, t.id)',
    ],
  ])
})

test("adding what is asked for is enough, and the report asks for each index once", async () => {
  const lacking = await check(fixture)
  const asked = [...new Set(lacking.findings.map(({ table, mend }) => `${table}: ${mend}`))]
  expect(asked.length).toBeGreaterThan(5)
  const { findings } = await check(fixture, asked.map(createIndex))
  expect(findings.map(({ place }) => place)).toEqual(["notes, sort serial"]) // the column is unique and can be null

  const lines = report(lacking, "on a database for tests").split("\n")
  expect(lines.filter((line) => line.includes("index("))).toEqual(asked)
  expect(lines).toContain('teams: index("teams_by_name").on(t.name, t.id)')
  expect(lines).toContain("  teams, sort name (user, role staff)")
})

test("the shop has every index it needs", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/check-indexes.ts"], { cwd: ROOT })
  expect(stdout).toMatch(/^\d+ statements explained, no scan, no temporary sort, on a temporary database .*\n$/)
})

/** @param more Statements beside those of the schema. */
async function check(backend: Backend, more: readonly string[] = []): Promise<IndexCheck> {
  const collections = [...backend.collections.values()]
  const { statements } = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...backend.tables],
    search: new Map(collections.map((each) => [each.table.name, each.search])),
  })
  const { explain, dispose } = await openDatabase([statements, more])
  try {
    return await checkIndexes(backend, explain)
  } finally {
    await dispose()
  }
}

/** The SQL of a line such as `notes: index("notes_by_due_at").on(t.dueAt, desc(t.rank), t.id)`. */
function createIndex(line: string): string {
  const [, table, name, keys] = /^(\w+): index\("(\w+)"\)\.on\((.*)\)$/.exec(line) ?? []
  const columns = keys!.split(", ").map((key) => {
    const column = toSnakeCase(/t\.(\w+)/.exec(key)![1]!)
    return key.startsWith("desc(") ? `${column} DESC` : column
  })
  return `CREATE INDEX ${name} ON ${table} (${columns.join(", ")})`
}
