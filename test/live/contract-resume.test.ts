/** A client that comes back has missed nothing, and gets nothing twice: `since` of live queries, API.md §4. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { agrees, changesOf, comeBack } from "./agreement.ts"
import { connect, type Message } from "./client.ts"
import { create, evict, fed, newPerson, remove, update } from "./people.ts"
import type { Picture } from "./picture.ts"

const insert = env.DB.prepare(
  "INSERT INTO films (id, created_at, updated_at, title, genre, stock) VALUES (?, 0, 0, '', ?, ?)",
)
/** Numbers that stand in `stock`, so that an order can be told. */
async function addFilms(genre: string, from: number, to: number): Promise<void> {
  const each = Array.from({ length: to - from }, (_, n) => insert.bind(newId(), genre, from + n))
  for (let start = 0; start < each.length; start += 100) await env.DB.batch(each.slice(start, start + 100))
}
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

/** Watches films of a genre until the connection is closed. */
async function watchAndLeave(genre: string): Promise<Picture> {
  const client = await connect()
  const picture = client.picture("1")
  await client.query("1", "films", { genre })
  await create("films", { title: "before", genre, stock: -1 })
  await client.next({ type: "change" })
  await client.close()
  return picture
}

test("exactly what was missed comes, in order, each once", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  await addFilms(genre, 0, 50)
  await addFilms(newId(), 0, 50)
  await fed()
  const client = await comeBack({ picture, collection: "films", query: { genre } })
  await eventually(() => expect(changesOf(client)).toHaveLength(50))
  await addFilms(genre, 50, 53)
  await fed()
  await eventually(() => expect(changesOf(client)).toHaveLength(53))
  expect(changesOf(client).map(({ record }) => record.stock)).toEqual(range(0, 53))
  expect(picture).toMatchObject({ snapshots: 1, faults: [] })
})

test("more than is gathered at a time comes whole", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  await addFilms(genre, 0, 2_500)
  const client = await comeBack({ picture, collection: "films", query: { genre, limit: 100 } })
  await addFilms(genre, 2_500, 2_600)
  await fed()
  await eventually(() => expect(picture.records.size).toBe(2_601))
  if (picture.snapshots === 1) expect(changesOf(client).map(({ record }) => record.stock)).toEqual(range(0, 2_600))
  expect(picture.faults).toEqual([])
})

test("nothing was missed: nothing comes, and it goes on", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  const client = await comeBack({ picture, collection: "films", query: { genre } })
  expect((await client.quiet(300)).filter(({ type }) => type !== "ready")).toEqual([])
  await addFilms(genre, 0, 1)
  await fed()
  expect(await client.next({ type: "change" })).toMatchObject({ record: { stock: 0 } })
  expect(picture).toMatchObject({ snapshots: 1, faults: [] })
})

test("each step of a record's life that was missed comes, or what they come to", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  const [kept] = picture.records.keys()
  await update("films", kept!, { genre: "elsewhere" })
  await update("films", kept!, { genre, title: "back" })
  const gone = await create("films", { title: "here and gone", genre })
  await remove("films", gone.id)
  await fed()
  const client = await comeBack({ picture, collection: "films", query: { genre } })
  await agrees(client, "1", `/v1/films?genre=${genre}`)
  expect(picture.snapshots).toBe(1)
  expect(changesOf(client).map(({ op }) => op)).toEqual(["removed", "added", "added", "removed"])
})

test("a place in the middle of what was told is as good as the last", async () => {
  const genre = newId()
  const client = await connect()
  await client.query("1", "films", { genre })
  await addFilms(genre, 0, 30)
  await fed()
  await eventually(() => expect(changesOf(client)).toHaveLength(30))
  const tenth = changesOf(client)[9]!
  const again = await connect()
  again.send({ type: "query", id: "1", collection: "films", query: { genre }, since: tenth.seq })
  await eventually(() => expect(changesOf(again)).toHaveLength(20))
  const told = ({ bookmark: _, ...rest }: Message) => rest
  expect(changesOf(again).map(told)).toEqual(changesOf(client).slice(10).map(told))
})

test("the place of a snapshot is one to go on from", async () => {
  const genre = newId()
  const client = await connect()
  const { seq } = await client.query("1", "films", { genre })
  await client.close()
  await addFilms(genre, 0, 3)
  const again = await connect()
  again.send({ type: "query", id: "1", collection: "films", query: { genre }, since: seq })
  await fed()
  await eventually(() => expect(changesOf(again)).toHaveLength(3))
  expect((await again.quiet(200)).filter(({ type }) => type === "snapshot")).toEqual([])
})

test("the same query in other words is the same", async () => {
  const genre = newId()
  const client = await connect()
  const { seq } = await client.query("1", "films", { genre, stock: { gte: 0 } })
  await client.close()
  const again = await connect()
  again.send({ type: "query", id: "2", collection: "films", query: { stock: { gte: 0 }, genre }, since: seq })
  await addFilms(genre, 0, 1)
  await fed()
  expect(await again.next((message) => message.id === "2")).toMatchObject({ type: "change" })
})

test.each<[string, (seq: string) => string]>([
  ["is no place at all", () => "812"],
  ["is empty", () => ""],
  ["is of another log", (seq) => `${"0".repeat(12)}${seq.slice(12)}`],
  ["is later than all that there is", (seq) => seq.replace(/\.\d{16}/, ".9007199254740991")],
  ["has no tag", (seq) => seq.slice(0, seq.lastIndexOf("."))],
])("a since that %s brings a snapshot", async (_, change) => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  const client = await comeBack({ picture, collection: "films", query: { genre }, since: change(picture.seq!) })
  expect(await client.next({ id: "1" })).toMatchObject({ type: "snapshot", data: [{ title: "before" }] })
})

test("a since that is of another query, caller or set of roles brings a snapshot", async () => {
  const genre = newId()
  const [one, other] = [await newPerson({ roles: ["a"] }), await newPerson({ roles: ["a"] })]
  const client = await connect({ token: one.token })
  const { seq } = await client.query("1", "films", { genre })
  const back = async (token: string | undefined, query: object) => {
    const again = await connect(token === undefined ? {} : { token })
    return again.query("1", "films", query, seq)
  }
  const cases: [string | undefined, object][] = [
    [one.token, { genre: newId() }],
    [one.token, { genre, fields: "id,title" }],
    [one.token, { genre, stock: 1 }],
    [other.token, { genre }],
    [undefined, { genre }],
  ]
  for (const [token, query] of cases) expect(await back(token, query)).toMatchObject({ type: "snapshot", data: [] })
  await env.DB.prepare("UPDATE _users SET roles = ? WHERE id = ?").bind('["a","b"]', one.id).run()
  expect(await back(one.token, { genre })).toMatchObject({ type: "snapshot", data: [] })
})

test("when the log no longer reaches back a snapshot comes", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  await addFilms(genre, 0, 5)
  await fed()
  await env.DB.prepare("DELETE FROM _changes WHERE seq < (SELECT max(seq) FROM _changes)").run()
  const client = await comeBack({ picture, collection: "films", query: { genre } })
  expect(await client.next({ id: "1" })).toMatchObject({ type: "snapshot" })
  await agrees(client, "1", `/v1/films?genre=${genre}`)
})

test("it is the same when everything has been out of memory meanwhile", async () => {
  const genre = newId()
  const picture = await watchAndLeave(genre)
  await addFilms(genre, 0, 20)
  for (const kind of ["HUB", "TOPIC", "FEED"] as const) await evict(kind, "close")
  const client = await comeBack({ picture, collection: "films", query: { genre } })
  await addFilms(genre, 20, 40)
  await fed()
  await eventually(() => expect(changesOf(client)).toHaveLength(40))
  expect(changesOf(client).map(({ record }) => record.stock)).toEqual(range(0, 40))
  expect(picture).toMatchObject({ snapshots: 1, faults: [] })
})
