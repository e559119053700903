/** Live queries whose rule, filter or expansion goes through relations: run again, and the difference is sent. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { wait } from "../../src/core/wait.ts"
import { eventually } from "../eventually.ts"
import { agrees, changesOf, comeBack, ops } from "./agreement.ts"
import { connect } from "./client.ts"
import { call, create, evict, fed, newPerson, remove, update } from "./people.ts"

test("what a rule finds through a relation comes and goes with the related record", async () => {
  const [person, other] = [await newPerson(), await newPerson()]
  const project = await create("projects", { name: "secret project" })
  const title = newId()
  const task = await create("tasks", { projectId: project.id, title })
  const [client, stranger] = [await connect({ token: person.token }), await connect({ token: other.token })]
  client.picture("1")
  expect((await client.query("1", "tasks", { title })).data).toEqual([])
  expect((await stranger.query("1", "tasks", { title })).data).toEqual([])
  const member = await create("members", { projectId: project.id, userId: person.id })
  expect(await client.next({ type: "change" })).toMatchObject({
    ...{ id: "1", seq: expect.any(String), op: "added", recordId: task.id },
    record: (await call("GET", `/v1/tasks/${task.id}`, person.token)).body,
  })
  await update("tasks", task.id, { projectId: null })
  expect(await client.next({ type: "change" })).not.toHaveProperty("record")
  await update("tasks", task.id, { projectId: project.id })
  await client.next({ op: "added" })
  await remove("members", member.id)
  await client.next({ op: "removed" })
  expect(ops(client).map(([op]) => op)).toEqual(["added", "removed", "added", "removed"])
  expect(client.picture("1").faults).toEqual([])
  expect((await stranger.quiet()).filter(({ type }) => type === "change")).toEqual([])
})

test("what is expanded is told when it changes, under its own rule", async () => {
  const film = await create("films", { title: "Alien" })
  const author = await newPerson({ name: "Ada" })
  const review = await create("reviews", { filmId: film.id, authorId: author.id, body: "good" })
  const path = `/v1/films?id=${film.id}&expand=reviews.author`
  const client = await connect()
  client.picture("1")
  expect(await client.query("1", "films", { id: film.id, expand: "reviews.author" })).toMatchObject({
    data: [{ reviews: [{ author: { id: author.id, name: "Ada" } }] }],
  })
  await update("reviews", review.id, { body: "very good" })
  expect(await client.next({ op: "modified" })).toMatchObject({ record: { reviews: [{ body: "very good" }] } })
  await update("reviews", review.id, { hidden: true, body: "hidden words" })
  expect(await client.next({ op: "modified" })).toMatchObject({ record: { reviews: [] } })
  await update("reviews", review.id, { hidden: false, body: "shown words" })
  await agrees(client, "1", path)
  await env.DB.prepare("UPDATE _users SET name = 'Countess' WHERE id = ?").bind(author.id).run()
  await fed()
  await agrees(client, "1", path)
  expect(client.picture("1").sorted()).toMatchObject([{ reviews: [{ author: { name: "Countess" } }] }])
  expect(JSON.stringify(client.messages)).not.toContain("hidden words")
})

test("a filter through a relation sees changes on either side", async () => {
  const name = newId()
  const title = newId()
  const client = await connect({ token: (await newPerson({ roles: ["staff"] })).token })
  await client.query("1", "projects", { name, filter: { members: { some: { userId: title } } } })
  const project = await create("projects", { name })
  const member = await create("members", { projectId: project.id, userId: title })
  expect(await client.next({ type: "change" })).toMatchObject({ op: "added", record: { id: project.id } })
  await update("projects", project.id, { open: true })
  expect(await client.next({ type: "change" })).toMatchObject({ op: "modified", record: { open: true } })
  await remove("members", member.id)
  expect(await client.next({ type: "change" })).toMatchObject({ op: "removed", recordId: project.id })
})

test("it is run again at most every 250 ms, and ends with what the list gives", async () => {
  const film = await create("films", { title: "0" })
  await create("reviews", { filmId: film.id })
  const client = await connect()
  client.picture("1")
  await client.query("1", "reviews", { filmId: film.id, expand: "film" })
  await wait(300)
  const since = Date.now()
  for (let n = 1; n <= 60; n++) {
    await update("films", film.id, { title: `${n}` })
    await wait(10)
  }
  await eventually(() => expect(changesOf(client).at(-1)?.record.film.title).toBe("60"))
  expect(changesOf(client).length).toBeLessThanOrEqual((Date.now() - since) / 250 + 2)
  expect(client.picture("1").faults).toEqual([])
})

test("what isn't different is not sent", async () => {
  const film = await create("films", { title: newId() })
  await create("reviews", { filmId: film.id })
  const client = await connect()
  await client.query("1", "reviews", { filmId: film.id, expand: "film", fields: "id,film.title" })
  await update("films", film.id, { stock: 3 })
  await create("films", { title: "another" })
  await fed()
  expect(await client.quiet(700)).toEqual([])
})

test("each caller of a shared query has its own view", async () => {
  const [one, other] = [await newPerson(), await newPerson()]
  const title = newId()
  const projects = [await create("projects", { name: "a" }), await create("projects", { name: "b" })]
  await create("members", { projectId: projects[0]!.id, userId: one.id })
  await create("members", { projectId: projects[1]!.id, userId: other.id })
  const clients = [await connect({ token: one.token }), await connect({ token: other.token })]
  for (const client of clients) {
    client.picture("1")
    await client.query("1", "tasks", { title })
  }
  for (let n = 0; n < 6; n++) await create("tasks", { projectId: projects[n % 2]!.id, title })
  for (const [n, client] of clients.entries()) {
    await agrees(client, "1", `/v1/tasks?title=${title}`, [one, other][n]!.token)
    expect(new Set(changesOf(client).map(({ record }) => record.projectId))).toEqual(new Set([projects[n]!.id]))
  }
})

test("a client that comes back holds what the list gives", async () => {
  const film = await create("films", { title: "before" })
  const reviews = [await create("reviews", { filmId: film.id }), await create("reviews", { filmId: film.id })]
  const path = `/v1/reviews?filmId=${film.id}&expand=film`
  const query = { filmId: film.id, expand: "film" }
  const first = await connect()
  const picture = first.picture("1")
  await first.query("1", "reviews", query)
  await first.close()
  await remove("reviews", reviews[0]!.id)
  await update("films", film.id, { title: "after" })
  await fed()
  await evict("HUB")
  const again = await comeBack({ picture, collection: "reviews", query })
  await agrees(again, "1", path)
  await create("reviews", { filmId: film.id })
  await agrees(again, "1", path)
})

test("it goes on after hubs, topics and the feed have been out of memory", async () => {
  const film = await create("films", { title: "0" })
  await create("reviews", { filmId: film.id })
  const path = `/v1/reviews?filmId=${film.id}&expand=film`
  const client = await connect()
  client.picture("1")
  await client.query("1", "reviews", { filmId: film.id, expand: "film" })
  for (let n = 1; n <= 3; n++) {
    await evict("HUB")
    await update("films", film.id, { title: `${n}` })
    await evict("TOPIC")
    await agrees(client, "1", path)
    await evict("FEED")
  }
  expect(client.picture("1").snapshots).toBe(1)
})

test("what would be more than 1,000 records is told what it can have, or that it can't", async () => {
  const name = newId()
  const project = await create("projects", { name, open: true })
  const insert = env.DB.prepare(
    "INSERT INTO tasks (id, created_at, updated_at, project_id, title) VALUES (?, 0, 0, ?, ?)",
  )
  for (let start = 0; start < 1_100; start += 100)
    await env.DB.batch(Array.from({ length: 100 }, () => insert.bind(newId(), project.id, name)))
  const person = await newPerson()
  await create("members", { projectId: project.id, userId: person.id })
  const client = await connect({ token: person.token })
  const first = await client.query("1", "tasks", { title: name, limit: 1_000 })
  if (first.type === "snapshot") expect(first.data).toHaveLength(1_000)
  else expect(first).toMatchObject({ type: "problem", problem: { status: 400 } })
  client.send("ping")
  await client.next({ type: "pong" })
})
