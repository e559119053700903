/** Live queries as server-sent events, on the URL of the list: API.md §4. */

import { newId } from "selvedge/tables"
import { afterEach, describe, expect, test } from "vitest"
import { type EventReader, listen } from "./events.ts"
import { call, create, newPerson, type Person, remove, tokenOf, update } from "./people.ts"

const EVENTS = { Accept: "text/event-stream" }

const open: EventReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.leave().catch(() => {})
})

async function follow(path: string, options: Parameters<typeof listen>[1] = {}): Promise<EventReader> {
  const reader = await listen(path, options)
  open.push(reader)
  return reader
}

const draftsOf = (person: Person, options: object = {}) =>
  follow(`/v1/drafts?ownerId=${person.id}`, { token: person.token, ...options })

test("a list is a stream of events: the snapshot, then each change, with the place to go on from", async () => {
  const genre = newId()
  const film = await create("films", { title: "Solaris", genre })
  const reader = await follow(`/v1/films?genre=${genre}&fields=id,title`)
  const { headers } = reader.response
  expect(Object.fromEntries(headers)).toMatchObject({
    "content-type": "text/event-stream",
    "cache-control": "private, no-store",
    "x-accel-buffering": "no",
    "ratelimit-policy": expect.stringMatching(/^"/),
  })
  const snapshot = (await reader.next())!
  expect(reader.retry()).toBeGreaterThan(0)
  expect(snapshot).toMatchObject({ event: "snapshot", id: snapshot.data.seq })
  expect(snapshot.data.data).toEqual([{ id: film.id, title: "Solaris" }])
  await update("films", film.id, { title: "Stalker" })
  expect(await reader.next()).toMatchObject({
    event: "change",
    data: { type: "change", op: "modified", recordId: film.id, record: { id: film.id, title: "Stalker" } },
    id: expect.any(String),
  })
  await remove("films", film.id)
  expect(await reader.next()).toMatchObject({ event: "change", data: { op: "removed", recordId: film.id } })
})

describe("Last-Event-ID", () => {
  test("brings what was missed, in order, and no snapshot", async () => {
    const genre = newId()
    const path = `/v1/films?genre=${genre}`
    const first = await follow(path)
    const { id } = (await first.next())!
    await first.leave()
    const titles = ["one", "two", "three"]
    for (const title of titles) await create("films", { title, genre })
    const again = await follow(path, { headers: { "Last-Event-ID": id! } })
    for (const title of titles)
      expect(await again.next()).toMatchObject({ event: "change", data: { op: "added", record: { title } } })
  })

  test("that is malformed brings a snapshot", async () => {
    for (const id of ["nonsense", "", "0.0.0", '{"a":1}', "9".repeat(5_000)]) {
      const reader = await follow(`/v1/films?genre=${newId()}`, { headers: { "Last-Event-ID": id } })
      expect(await reader.next()).toMatchObject({ event: "snapshot", data: { data: [] } })
    }
  })

  test("of another query brings a snapshot", async () => {
    const { id } = (await (await follow(`/v1/films?genre=${newId()}`)).next())!
    const reader = await follow(`/v1/films?genre=${newId()}`, { headers: { "Last-Event-ID": id! } })
    expect(await reader.next()).toMatchObject({ event: "snapshot" })
  })
})

describe("the caller", () => {
  test("is the one of the Authorization header", async () => {
    const [one, other] = [await newPerson(), await newPerson()]
    await create("drafts", { ownerId: other.id, text: "not yours" })
    const reader = await follow("/v1/drafts", { token: one.token })
    expect((await reader.next())!.data.data).toEqual([])
    await create("drafts", { ownerId: other.id, text: "nor this" })
    await create("drafts", { ownerId: one.id, text: "mine" })
    expect(await reader.next()).toMatchObject({ data: { op: "added", record: { text: "mine" } } })
  })

  test("who may read nothing is refused before anything is opened", async () => {
    const { status, body } = await call("GET", "/v1/drafts", undefined, undefined, EVENTS)
    expect([status, body.code]).toEqual([401, "unauthenticated"])
    expect((await call("GET", "/v1/films", "nonsense", undefined, EVENTS)).status).toBe(401)
  })

  test("whose token expires is told nothing more", async () => {
    const person = await newPerson({ seconds: 2 })
    const reader = await draftsOf(person)
    expect(await reader.next()).toMatchObject({ event: "snapshot" })
    expect(await reader.next()).toMatchObject({ event: "problem", data: { problem: { code: "token_expired" } } })
    expect(await reader.next()).toBeUndefined()
  })

  test("whose session ends is told that, and nothing more", async () => {
    const person = await newPerson()
    const reader = await draftsOf(person)
    expect(await reader.next()).toMatchObject({ event: "snapshot" })
    expect((await call("POST", "/v1/auth/sign-out", person.token)).status).toBe(204)
    expect(await reader.next()).toMatchObject({ event: "problem", data: { problem: { code: "unauthenticated" } } })
    expect(await reader.next()).toBeUndefined()
    const again = await draftsOf(person, { token: await tokenOf(person) })
    expect(await again.next()).toMatchObject({ event: "problem", data: { problem: { code: "unauthenticated" } } })
    expect(await again.next()).toBeUndefined()
  })
})

describe("what can't be followed", () => {
  test("is 400, and names the parameter", async () => {
    for (const [parameter, query] of [
      ["q", "q=sol"],
      ["count", "count=exact"],
      ["aggregate", "aggregate=count"],
      ["after", "after=x"],
      ["limit", "limit=1001"],
      ["sort", "sort=stock,title"],
      ["nothing", "nothing=1"],
      ["margin", "margin=1"],
    ] as const) {
      const { status, body } = await call("GET", `/v1/films?${query}`, undefined, undefined, EVENTS)
      expect([query, status, body?.code, body?.errors[0].parameter]).toEqual([query, 400, "invalid_query", parameter])
    }
  })

  test("is 406 where the collection isn't live", async () => {
    const { status, body } = await call("GET", "/v1/notices", undefined, undefined, EVENTS)
    expect([status, body.code]).toEqual([406, "not_acceptable"])
    expect((await call("GET", `/v1/films/${newId()}`, undefined, undefined, EVENTS)).status).toBe(406)
  })
})

test("HEAD has the headers of GET, and the same refusals", async () => {
  const { status, headers } = await call("HEAD", "/v1/films", undefined, undefined, EVENTS)
  expect([status, headers.get("Content-Type")]).toEqual([200, "text/event-stream"])
  expect((await call("HEAD", "/v1/films?count=exact", undefined, undefined, EVENTS)).status).toBe(400)
})

test.each([
  ["*/*", "application/json"],
  ["application/json", "application/json"],
  ["application/json, text/event-stream", "application/json"],
  ["text/event-stream;q=0.5, application/json", "application/json"],
  ["text/event-stream;q=0.5, */*", "application/json"],
  ["text/event-stream;q=0, */*;q=0.1", "application/json"],
  ["text/event-stream, */*", "text/event-stream"],
  ["Text/Event-Stream", "text/event-stream"],
  ["application/json;q=0.9, text/event-stream", "text/event-stream"],
])("Accept: %s is answered with %s", async (accept, type) => {
  const { status, headers } = await call("HEAD", "/v1/films", undefined, undefined, { Accept: accept })
  expect([status, headers.get("Content-Type")]).toEqual([200, type])
})
