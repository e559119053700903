/** What a live query gives to whom: API.md §4, for those that follow each change. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { agrees, ops } from "./agreement.ts"
import { connect, type Message } from "./client.ts"
import { call, create, fed, list, newPerson, remove, serviceToken, update } from "./people.ts"

test("a snapshot is the list, with its place in the log and a bookmark", async () => {
  const genre = newId()
  for (const stock of [3, 1, 2]) await create("films", { title: `${stock}`, genre, stock })
  const client = await connect()
  const snapshot = await client.query("1", "films", { genre, sort: "-stock", limit: 2, stock: { gte: 1 } })
  const { body, headers } = await call("GET", `/v1/films?genre=${genre}&sort=-stock&limit=2&stock[gte]=1`)
  expect(snapshot).toEqual({
    type: "snapshot",
    id: "1",
    seq: expect.any(String),
    data: body.data,
    page: { next: expect.any(String), previous: null },
    sort: "-stock,-id",
    bookmark: expect.any(String),
  })
  expect(headers.get("Selvedge-Bookmark")).toMatch(/./)
  expect(snapshot.data.map((film: Message) => film.stock)).toEqual([3, 2])
})

test("what comes to match is added, what still does is modified, what stops is removed without its content", async () => {
  const genre = newId()
  const client = await connect()
  const picture = client.picture("1")
  await client.query("1", "films", { genre })
  const { id } = await create("films", { title: "secret title", genre })
  await update("films", id, { title: "another title" })
  await update("films", id, { genre: "elsewhere" })
  await update("films", id, { title: "unseen" })
  await update("films", id, { genre, title: "seen again" })
  await remove("films", id)
  const removed = await client.next((message) => message.op === "removed" && ops(client).length === 5)
  expect(ops(client)).toEqual(["added", "modified", "removed", "added", "removed"].map((op) => [op, id]))
  expect(removed).toEqual({
    type: "change",
    id: "1",
    seq: expect.any(String),
    op: "removed",
    recordId: id,
    bookmark: expect.any(String),
  })
  const [added] = client.messages.filter(({ op }) => op === "added")
  expect(added).toMatchObject({
    seq: expect.any(String),
    recordId: id,
    record: { id, title: "secret title", genre, version: 1 },
  })
  expect(JSON.stringify(client.messages)).not.toContain("unseen")
  expect(picture.faults).toEqual([])
})

test("a change carries the record as a read gives it, each form of value", async () => {
  const client = await connect()
  const genre = newId()
  await client.query("1", "films", { genre })
  const written = {
    ...{ title: 'é "\\ 😀', genre, rating: 0.1, stock: 3, showing: true },
    ...{ releasedAt: "2026-01-31T12:00:00.500Z", tags: ["a", "é"], views: "9007199254740993" },
  }
  const { id } = await create("films", written)
  const { record } = await client.next({ op: "added" })
  expect(record).toMatchObject(written)
  expect(record).toEqual((await call("GET", `/v1/films/${id}`)).body)
  await update("films", id, { releasedAt: null, tags: null, views: null, rating: null, showing: false })
  const modified = await client.next({ op: "modified" })
  expect(modified.record).toEqual((await call("GET", `/v1/films/${id}`)).body)
})

test("what is written past the API is told as well", async () => {
  const genre = newId()
  const client = await connect()
  await client.query("1", "films", { genre })
  const insert = "INSERT INTO films (id, created_at, updated_at, title, genre) VALUES (?, 0, 0, 'raw', ?)"
  await env.DB.prepare(insert).bind(newId(), genre).run()
  await fed()
  expect(await client.next({ op: "added" })).toMatchObject({ record: { title: "raw" } })
})

test("each change comes once, in order, with a seq that grows", async () => {
  const genre = newId()
  const clients = await Promise.all([connect(), connect(), connect()])
  for (const client of clients) {
    client.picture("1")
    await client.query("1", "films", { genre })
  }
  const insert = env.DB.prepare(
    "INSERT INTO films (id, created_at, updated_at, title, genre, stock) VALUES (?, 0, 0, '', ?, ?)",
  )
  for (let batch = 0; batch < 10; batch++) {
    await env.DB.batch(Array.from({ length: 50 }, (_, n) => insert.bind(newId(), genre, batch * 50 + n)))
    void fed()
  }
  for (const client of clients) {
    await eventually(() => expect(ops(client)).toHaveLength(500))
    const stocks = client.messages.filter(({ op }) => op === "added").map(({ record }) => record.stock)
    expect(stocks).toEqual(Array.from({ length: 500 }, (_, n) => n))
    expect(client.picture("1").faults).toEqual([])
  }
})

test("nothing is lost between the snapshot and what follows", async () => {
  const genre = newId()
  const clients = await Promise.all(Array.from({ length: 8 }, () => connect()))
  const writing = (async () => {
    for (let n = 0; n < 60; n++) await create("films", { title: "x", genre, stock: n })
  })()
  for (const client of clients) {
    client.picture("1")
    await client.query("1", "films", { genre, limit: 1_000 })
  }
  await writing
  for (const client of clients) await agrees(client, "1", `/v1/films?genre=${genre}`)
})

test("a row that a rule hides is removed for those it is hidden from, and for nobody else", async () => {
  const [author, staff] = [await newPerson(), await newPerson({ roles: ["staff"] })]
  const film = await create("films", { title: "Alien" })
  const review = await create("reviews", { filmId: film.id, authorId: author.id, body: "once seen" })
  const tokens = [undefined, author.token, staff.token]
  const clients = await Promise.all(tokens.map((token) => connect(token === undefined ? {} : { token })))
  for (const client of clients) {
    client.picture("1")
    await client.query("1", "reviews", { filmId: film.id })
  }
  await update("reviews", review.id, { hidden: true, body: "now hidden" })
  await update("reviews", review.id, { body: "still hidden" })
  await update("reviews", review.id, { hidden: false, body: "shown again" })
  const wanted = [
    ["removed", "added"],
    ["modified", "modified", "modified"],
    ["modified", "modified", "modified"],
  ]
  for (const [n, client] of clients.entries()) {
    await agrees(client, "1", `/v1/reviews?filmId=${film.id}`, tokens[n])
    expect(ops(client)).toEqual(wanted[n]!.map((op) => [op, review.id]))
  }
  expect(JSON.stringify(clients[0]!.messages)).not.toMatch(/now hidden|still hidden/)
})

test("a record that changes its owner is removed for one and added for the other", async () => {
  const [one, other] = [await newPerson(), await newPerson()]
  const text = newId()
  const draft = await create("drafts", { ownerId: one.id, text })
  const [ones, others] = [await connect({ token: one.token }), await connect({ token: other.token })]
  expect((await ones.query("1", "drafts", { text })).data).toHaveLength(1)
  expect((await others.query("1", "drafts", { text })).data).toHaveLength(0)
  await update("drafts", draft.id, { ownerId: other.id })
  expect(await ones.next({ type: "change" })).not.toHaveProperty("record")
  expect(await others.next({ type: "change" })).toMatchObject({ op: "added", record: { ownerId: other.id } })
  expect([...ops(ones), ...ops(others)]).toEqual([
    ["removed", draft.id],
    ["added", draft.id],
  ])
})

test("hidden fields are in no frame, no filter and no sort", async () => {
  const genre = newId()
  const staff = await newPerson({ roles: ["staff"] })
  const [open, inside] = [await connect(), await connect({ token: staff.token })]
  await create("films", { title: "Alien", genre, margin: "margin 1" })
  await open.query("1", "films", { genre })
  await inside.query("1", "films", { genre, margin: { startsWith: "margin" } })
  const { id } = await create("films", { title: "Aliens", genre, margin: "margin 2" })
  await update("films", id, { margin: "margin 3" })
  await remove("films", id)
  await inside.next({ op: "removed" })
  await open.next({ op: "removed" })
  expect(JSON.stringify(open.messages)).not.toContain("margin")
  expect(inside.messages.filter(({ record }) => record).map(({ record }) => record.margin)).toEqual([
    "margin 2",
    "margin 3",
  ])
  for (const query of [{ margin: "margin 1" }, { filter: { not: { margin: null } } }, { fields: "id,margin" }]) {
    const { problem } = await open.query("2", "films", query)
    expect(problem).toMatchObject({ status: 400, code: "invalid_query" })
    expect(problem).toEqual({
      ...problem,
      ...(await open.query("2", "films", replaceName(query))).problem,
      detail: problem.detail,
      errors: problem.errors,
    })
  }
})

/** The same question about a field that there is none of. */
function replaceName(query: object): object {
  return JSON.parse(JSON.stringify(query).replace("margin", "nothing")) as object
}

test("a field that is hidden from some is in the filter of others alone", async () => {
  const genre = newId()
  const staff = await newPerson({ roles: ["staff"] })
  const client = await connect({ token: staff.token })
  await client.query("1", "films", { genre, margin: "a" })
  const { id } = await create("films", { title: "Alien", genre, margin: "b" })
  await update("films", id, { margin: "a" })
  await update("films", id, { margin: null })
  await client.next({ op: "removed" })
  expect(ops(client).map(([op]) => op)).toEqual(["added", "removed"])
})

test("fields are honoured, in the snapshot and in changes", async () => {
  const genre = newId()
  await create("films", { title: "Alien", genre })
  const client = await connect()
  const snapshot = await client.query("1", "films", { genre, fields: "title,stock" })
  expect(snapshot.data).toEqual((await call("GET", `/v1/films?genre=${genre}&fields=title,stock`)).body.data)
  const { id } = await create("films", { title: "Aliens", genre, stock: 2 })
  expect(await client.next({ op: "added" })).toMatchObject({ recordId: id })
  await update("films", id, { stock: 1 })
  await client.next({ op: "modified" })
  for (const { record } of client.messages.filter(({ type }) => type === "change"))
    expect(Object.keys(record)).toEqual(Object.keys(snapshot.data[0]))
})

test.each<[string, object]>([
  ["a whole filter", { filter: { or: [{ stock: { gt: 4 } }, { title: { startsWith: "a" } }] } }],
  ["a negation", { filter: { not: { stock: { lt: 3 } } } }],
  ["null", { rating: null }],
  ["a list", { stock: { in: [1, 3, 5] } }],
  ["a boolean", { showing: true }],
  ["a time", { releasedAt: { gte: "2026-01-03T00:00:00Z" } }],
  ["an element of JSON", { filter: { tags: { has: "x" } } }],
  ["a bigint", { views: { gt: "9007199254740992" } }],
  ["several at once", { showing: false, stock: { gte: 2 }, title: { contains: "A" } }],
])("a filter with %s sees changes as the list does", async (_, query) => {
  const genre = newId()
  const client = await connect()
  client.picture("1")
  await client.query("1", "films", { ...query, genre })
  const films: Message[] = []
  for (let n = 0; n < 6; n++) films.push(await create("films", { title: "bcabab"[n], genre, ...valuesOf(n) }))
  const search = new URLSearchParams({ filter: JSON.stringify({ and: [{ genre }, asFilter(query)] }) })
  await agrees(client, "1", `/v1/films?${search}`)
  for (const [n, film] of films.entries()) await update("films", film.id, valuesOf(5 - n))
  await agrees(client, "1", `/v1/films?${search}`)
  expect(client.picture("1").changes).toBeGreaterThan(0)
})

const valuesOf = (n: number) => ({
  stock: n,
  rating: n % 2 === 0 ? null : n / 2,
  showing: n > 2,
  releasedAt: `2026-01-0${n + 1}T00:00:00.000Z`,
  tags: n % 3 === 0 ? ["x", "y"] : null,
  views: `${9007199254740990n + BigInt(n)}`,
})

function asFilter({ filter = {}, ...rest }: { filter?: object }): object {
  return { and: [filter, rest] }
}

test("the same id begins anew, with another query", async () => {
  const [one, other] = [newId(), newId()]
  const client = await connect()
  await client.query("1", "films", { genre: one })
  await client.query("1", "films", { genre: other })
  await create("films", { title: "one", genre: one })
  await create("films", { title: "other", genre: other })
  expect(await client.next({ type: "change" })).toMatchObject({ record: { title: "other" } })
  expect(ops(client)).toHaveLength(1)
})

test.each(["nothing", "notices", "users", "_users", "constructor", "__proto__", ""])(
  "a collection that is not live or not there is not_found: %j",
  async (collection) => {
    const client = await connect()
    const problem = { type: expect.any(String), title: expect.any(String), status: 404, code: "not_found" }
    expect(await client.query("x", collection)).toMatchObject({ type: "problem", id: "x", problem })
    client.send("ping")
    await client.next({ type: "pong" })
  },
)

test("unknown and not live can't be told apart", async () => {
  const client = await connect()
  const [one, other] = [await client.query("1", "nothing"), await client.query("1", "notices")]
  expect({ ...one.problem, requestId: "" }).toEqual({ ...other.problem, requestId: "" })
})

test.each<[string, unknown]>([
  ["q", { q: "alien" }],
  ["count", { count: "exact" }],
  ["aggregate", { aggregate: "count" }],
  ["group", { group: "genre" }],
  ["after", { after: "x" }],
  ["before", { before: "x" }],
  ["a field that isn't there", { colour: "red" }],
  ["an order that isn't there", { sort: "rating" }],
  ["a relation that isn't there", { expand: "makers" }],
  ["a limit of 0", { limit: 0 }],
  ["a limit of 1,001", { limit: 1_001 }],
  ["a limit that is no number", { limit: "many" }],
  ["a filter that is text", { filter: '{"genre":"War"}' }],
  ["an operator that isn't there", { stock: { near: 3 } }],
  ["a value of another kind", { stock: "many" }],
  ["text in place of the query", "genre=War"],
  ["a list in place of the query", []],
])("%s is a problem of the query alone", async (_, query) => {
  const client = await connect()
  client.send({ type: "query", id: "1", collection: "films", query })
  expect(await client.next({ id: "1" })).toMatchObject({
    type: "problem",
    problem: { status: 400, code: "invalid_query" },
  })
  expect(await client.query("1", "films", { genre: newId() })).toMatchObject({ type: "snapshot", data: [] })
})

test("a query that is refused ends the one it was to replace", async () => {
  const genre = newId()
  const client = await connect()
  await client.query("1", "films", { genre })
  await client.query("1", "films", { q: "x" })
  await create("films", { title: "Alien", genre })
  await fed()
  expect(await client.quiet(300)).toEqual([])
})

test("who may read nothing is refused: 401 for nobody in particular, 403 for others", async () => {
  const client = await connect()
  expect(await client.query("1", "cards")).toMatchObject({ type: "problem", problem: { status: 401 } })
  await client.authenticate((await newPerson()).token)
  expect(await client.query("1", "cards")).toMatchObject({ type: "problem", problem: { status: 403 } })
})

test("a query without a query is the whole list", async () => {
  const client = await connect()
  client.send({ type: "query", id: "1", collection: "films" })
  expect(await client.next({ id: "1" })).toMatchObject({ type: "snapshot", data: expect.any(Array) })
})

test("a limit bounds the snapshot alone: 100 unless told, up to 1,000", async () => {
  const genre = newId()
  const insert = env.DB.prepare("INSERT INTO films (id, created_at, updated_at, title, genre) VALUES (?, 0, 0, '', ?)")
  await env.DB.batch(Array.from({ length: 120 }, () => insert.bind(newId(), genre)))
  const client = await connect()
  expect((await client.query("1", "films", { genre })).data).toHaveLength(100)
  expect((await client.query("2", "films", { genre, limit: 1_000 })).data).toHaveLength(120)
  const few = await client.query("3", "films", { genre, limit: 2, sort: "title" })
  expect(few.data).toHaveLength(2)
  expect(few.page.next).toEqual(expect.any(String))
  const rest = await call(
    "GET",
    `/v1/films?genre=${genre}&limit=100&sort=title&after=${encodeURIComponent(few.page.next)}`,
  )
  expect(rest.body.data).toHaveLength(100)
  const { id } = await create("films", { title: "zzz", genre })
  for (const query of ["1", "2", "3"])
    expect(await client.next({ type: "change", id: query })).toMatchObject({ recordId: id })
  const last = (await list(`/v1/films?genre=${genre}&sort=-title`)).at(-1)!
  await update("films", last.id, { stock: 7 })
  expect(await client.next({ type: "change", id: "3" })).toMatchObject({ op: "modified", recordId: last.id })
})

test("leave ends it; leaving what isn't there is nothing", async () => {
  const genre = newId()
  const client = await connect()
  await client.query("1", "films", { genre })
  await client.query("2", "films", { genre })
  client.send({ type: "leave", id: "1" }, { type: "leave", id: "unknown" })
  await create("films", { title: "Alien", genre })
  await client.next({ type: "change", id: "2" })
  expect(ops(client, "1")).toEqual([])
})

test("a collection that is cached is told as it changes, and the bookmark of a frame makes a read as fresh", async () => {
  const name = newId()
  await create("prices", { name, cents: 1 })
  const client = await connect()
  await client.query("1", "prices", { name })
  const path = `/v1/prices?name=${name}`
  for (let cents = 2; cents < 6; cents++) {
    await call("GET", path)
    const [price] = await list(path, await serviceToken())
    await update("prices", price!.id, { cents })
    const { record, bookmark } = await client.next({ op: "modified" })
    expect(record.cents).toBe(cents)
    expect(bookmark).toEqual(expect.any(String))
    const { body } = await call("GET", path, undefined, undefined, { "Selvedge-Bookmark": bookmark })
    expect(body.data[0].cents).toBe(cents)
  }
})
