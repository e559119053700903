import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { expect, test } from "vitest"
import { anyone, collection, defineBackend, many, one } from "./index.ts"
import { recordColumns } from "./tables.ts"

const directors = sqliteTable("directors", { ...recordColumns(), name: text().notNull() })
const films = sqliteTable("films", {
  ...recordColumns(),
  title: text().notNull(),
  year: integer(),
  tags: text({ mode: "json" }),
  directorId: text().references(() => directors.id),
  editorId: text().references(() => directors.id),
})
const bare = sqliteTable("bare", { id: text().primaryKey(), filmId: text().references(() => films.id) })
const access = { read: anyone }

/** Definitions that TypeScript would refuse, as plain JavaScript could write them. */
const loose = collection as unknown as (
  table: unknown,
  options: Record<string, unknown>,
) => ReturnType<typeof collection>
const define = (collections: Record<string, ReturnType<typeof collection>>) => () =>
  defineBackend({ tables: { films, directors }, collections })

test.each<[string, Record<string, ReturnType<typeof collection>>, RegExp]>([
  ["a reserved name", { admin: loose(films, { access }) }, /^admin: the name is reserved.*; rename/],
  ["a name that is no identifier", { "my-films": loose(films, { access }) }, /^my-films: the name is not camelCase/],
  [
    "a table without record columns",
    { bare: loose(bare, { access }) },
    /^bare: the table bare lacks .*; spread recordColumns\(\)/,
  ],
  [
    "a table exposed twice",
    { films: loose(films, { access }), movies: loose(films, { access }) },
    /^movies: its table is already exposed as films/,
  ],
  [
    "a live collection that nobody reads",
    { films: loose(films, { access: { create: anyone }, live: true }) },
    /^films\.live: nobody may read the collection; add a rule/,
  ],
  [
    "live that is no yes or no",
    { films: loose(films, { access, live: "yes" }) },
    /^films\.live: yes says neither yes nor no; write live: true/,
  ],
  [
    "a live collection whose rule goes through a table that notes no changes",
    {
      films: loose(films, {
        access: { read: () => ({ not: { bare: { some: { id: "x" } } } }) },
        relations: { bare: many(bare, { fields: ["id"] }) },
        live: true,
      }),
    },
    /^films\.access\.read: it goes through bare, whose changes aren't noted.*; spread recordColumns\(\)/,
  ],
  [
    "an unknown action",
    { films: loose(films, { access: { write: anyone } }) },
    /^films\.access\.write: there is no such action; use read, create, update, delete/,
  ],
  [
    "a field that isn't there",
    { films: loose(films, { access, fields: { titel: {} } }) },
    /^films\.fields: the table films has no column titel; choose one of id, .*title/,
  ],
  [
    "a stamp on a column that isn't there",
    { films: loose(films, { access, stamp: { by: () => 1 } }) },
    /^films\.stamp: the table films has no column by/,
  ],
  [
    "a stamp on the version",
    { films: loose(films, { access, stamp: { version: () => 1 } }) },
    /^films\.stamp\.version: the server alone sets this column/,
  ],
  [
    "an order by what isn't there",
    { films: loose(films, { access, sorts: ["titel"] }) },
    /^films\.sorts "titel": the table films has no column titel/,
  ],
  [
    "an order by JSON",
    { films: loose(films, { access, sorts: ["tags"] }) },
    /^films\.sorts "tags": tags holds json, which has no order/,
  ],
  [
    "an order of five keys",
    { films: loose(films, { access, sorts: ["title,year,id,version,createdAt"] }) },
    /more than 4 keys/,
  ],
  [
    "search on a number",
    { films: loose(films, { access, search: ["year"] }) },
    /^films\.search: year holds integer, not text; search text columns only/,
  ],
  [
    "a relation without a key",
    { films: loose(films, { access, relations: { bare: one(bare, { fields: ["id"] }) } }) },
    /^films\.relations\.bare: no foreign key leads from films to bare; add \.references/,
  ],
  [
    "a relation over two keys",
    { directors: loose(directors, { access, relations: { films: many(films, { fields: ["id"] }) } }) },
    /more than one foreign key leads from films to directors; name one with \{ key: "directorId" \}/,
  ],
  [
    "a relation to no collection without fields",
    { films: loose(films, { access, relations: { director: one(directors, { key: "directorId" }) } }) },
    /^films\.relations\.director: the table directors is no collection.*name the fields/,
  ],
  [
    "a relation to fields that aren't there",
    {
      films: loose(films, {
        access,
        relations: { director: loose2(directors, { key: "directorId", fields: ["nom"] }) },
      }),
    },
    /^films\.relations\.director\.fields: the table directors has no column nom/,
  ],
  [
    "a relation named like a column",
    { films: loose(films, { access, relations: { title: one(directors, { key: "directorId", fields: ["id"] }) } }) },
    /^films\.relations\.title: a column has the same name/,
  ],
  [
    "a rule over what isn't there",
    { films: loose(films, { access: { read: () => ({ titel: "x" }) } }) },
    /^films\.access\.read: titel: there is no such field or relation; the columns and relations are id, /,
  ],
  [
    "a rule that only staff would run into",
    {
      films: loose(films, {
        access: { read: (caller: { roles: string[] }) => !caller.roles.includes("staff") || { titel: "x" } },
      }),
    },
    /^films\.access\.read: titel/,
  ],
  [
    "a rule with undefined in it",
    { films: loose(films, { access: { read: () => ({ title: undefined }) } }) },
    /^films\.access\.read: title: the value is undefined/,
  ],
  [
    "a rule that answers nothing",
    { films: loose(films, { access: { read: () => undefined } }) },
    /the rule answers undefined/,
  ],
  [
    "a rule of too many conditions",
    { films: loose(films, { access: { read: () => ({ or: Array.from({ length: 26 }, () => ({ year: 1 })) }) } }) },
    /26 conditions are more than a rule may have \(25\)/,
  ],
])("%s fails at start with the place and the mend", (_name, collections, message) => {
  expect(define(collections)).toThrow(TypeError)
  expect(define(collections)).toThrow(message)
})

function loose2(table: unknown, options: Record<string, unknown>) {
  return (one as unknown as (table: unknown, options: Record<string, unknown>) => ReturnType<typeof one>)(
    table,
    options,
  )
}

test("an origin with a path is refused", () => {
  const build = () => defineBackend({ tables: {}, collections: {}, origins: ["https://shop.example/"] })
  expect(build).toThrow(/^origins: "https:\/\/shop\.example\/" is no origin/)
})
