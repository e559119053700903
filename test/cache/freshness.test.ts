/** How old a kept answer may be, and for whom. */

import { env } from "cloudflare:workers"
import { type Backend, defineBackend, job } from "selvedge"
import { beforeAll, beforeEach, expect, test } from "vitest"
import * as z from "zod"
import { createReplicas, type Replicas } from "../fixture/replicas.ts"
import type { Answer, Client, Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"
import { backendWith, createSetting, isKept, type Setting } from "./setting.ts"

const LIST = "/v1/projects?sort=name"
let replicas: Replicas
let setting: Setting
let isolate: Scenario
let anonymous: Client

beforeAll(async () => {
  replicas = await createReplicas()
})
beforeEach(async () => {
  await env.FIXTURE.batch(["projects", "teams"].map((table) => env.FIXTURE.prepare(`DELETE FROM ${table}`)))
  setting = createSetting()
  isolate = setting.isolate()
  anonymous = await isolate.as("anonymous")
})

const names = (answer: Answer) => answer.body.data.map(({ name }: { name: string }) => name)
const create = async (client: Client, name: string) => client.post("/v1/projects", { body: { name } })
const newer = ({ headers }: Answer) => ({ headers: { "Selvedge-Bookmark": headers.get("Selvedge-Bookmark")! } })

test("the isolate that wrote shows it at once, whoever asks; a change of another table changes nothing", async () => {
  await create(anonymous, "Blue")
  await anonymous.get(LIST)
  await create(anonymous, "Red")
  expect(names(await anonymous.get(LIST))).toEqual(["Blue", "Red"])
  await anonymous.post("/v1/teams", { body: { name: "Any" } })
  expect(isKept(await anonymous.get(LIST))).toBe(true)
  const { id } = (await anonymous.get(LIST)).body.data[0]
  await anonymous.delete(`/v1/projects/${id}`)
  expect(names(await anonymous.get(LIST))).toEqual(["Red"])
})

test("another isolate shows it from the moment when the feed has told and a second has passed", async () => {
  const other = await setting.isolate().as("anonymous")
  await create(anonymous, "Blue")
  await isolate.settled()
  await other.get(LIST)
  await create(anonymous, "Red")
  expect([isKept(await other.get(LIST)), names(await other.get(LIST))]).toEqual([true, ["Blue"]])
  await isolate.settled()
  setting.at += 1_001
  const changed = await other.get(LIST)
  expect([isKept(changed), names(changed)]).toEqual([false, ["Blue", "Red"]])
  expect(isKept(await other.get(LIST))).toBe(true)
})

test("raw SQL and jobs are told of as well", async () => {
  const rename = job("cache.rename", {
    input: z.object({}),
    async run(_, ctx) {
      await ctx.db.update(tables.projects).set({ name: "By a job" })
    },
  })
  const backend = defineBackend({
    tables,
    collections: backendWith().definitions,
    jobs: { rename },
    routes: (app) => app.post("/v1/rename", async (c) => c.json(await c.var.ctx.enqueue(rename, {}))),
  }) as unknown as Backend
  const other = setting.isolate({ backend })
  const writer = await other.as("anonymous")
  await create(writer, "Blue")
  for (const client of [anonymous, writer]) expect(names(await client.get(LIST))).toEqual(["Blue"])
  await writer.post("/v1/rename", { body: {} })
  await other.settled()
  expect(names(await writer.get(LIST))).toEqual(["By a job"])
  setting.at += 1_001
  expect(names(await anonymous.get(LIST))).toEqual(["By a job"])
  await env.FIXTURE.prepare("UPDATE projects SET name = 'By hand'").run()
  await other.work.background.feed.wake()
  await other.settled()
  setting.at += 1_001
  for (const client of [anonymous, writer]) expect(names(await client.get(LIST))).toEqual(["By hand"])
})

test("nothing is older than maxAge, though nobody tells of changes", async () => {
  await create(anonymous, "Blue")
  await anonymous.get(LIST)
  await env.FIXTURE.prepare("UPDATE projects SET name = 'Red'").run()
  setting.at += 60_000
  expect(names(await anonymous.get(LIST))).toEqual(["Blue"])
  setting.at += 1
  expect(names(await anonymous.get(LIST))).toEqual(["Red"])
})

test("whoever has seen something newer is answered by the database, and others then have it too", async () => {
  const elsewhere = await setting.isolate().as("anonymous")
  await create(anonymous, "Blue")
  await anonymous.get(LIST)
  const written = await create(elsewhere, "Red")
  expect(names(await anonymous.get(LIST))).toEqual(["Blue"])
  const fresh = await anonymous.get(LIST, newer(written))
  expect([isKept(fresh), names(fresh)]).toEqual([false, ["Blue", "Red"]])
  const next = await anonymous.get(LIST, newer(fresh))
  expect([isKept(next), names(next)]).toEqual([true, ["Blue", "Red"]])
  expect(names(await anonymous.get(LIST))).toEqual(["Blue", "Red"])
})

test("a bookmark that is malformed, or of another history, is answered by the database", async () => {
  await anonymous.get(LIST)
  const [, seq, d1] = (await anonymous.get(LIST)).headers.get("Selvedge-Bookmark")!.split(".")
  for (const bookmark of ["x", "", `${"0".repeat(32)}.${seq}.${d1}`]) {
    const answer = await anonymous.get(LIST, { headers: { "Selvedge-Bookmark": bookmark } })
    expect([answer.status, isKept(answer)]).toEqual([200, false])
  }
})

test("a bookmark that a caller made up is handed to nobody else", async () => {
  const real = (await anonymous.get("/v1/teams")).headers.get("Selvedge-Bookmark")!
  const [epoch, seq] = real.split(".")
  const forged = "ffffffff-ffffffff-ffffffff-ffffffffffffffffffffffffffffffff"
  await anonymous.get(LIST, { headers: { "Selvedge-Bookmark": `${epoch}.${seq}.${forged}` } })
  const kept = await anonymous.get(LIST)
  expect(isKept(kept)).toBe(true)
  expect(kept.headers.get("Selvedge-Bookmark")).toBe(`${epoch}.${seq}.`)
})

test("what a lagging replica answers counts as no newer than it is", async () => {
  await create(anonymous, "Blue")
  await replicas.catchUp()
  const far = setting.isolate({ d1: replicas.d1 })
  const reader = await far.as("anonymous")
  const written = await create(await setting.isolate({ d1: replicas.d1 }).as("anonymous"), "Red")
  const behind = await reader.get(LIST)
  expect(names(behind)).toEqual(["Blue"])
  expect(behind.headers.get("Selvedge-Bookmark")! < written.headers.get("Selvedge-Bookmark")!).toBe(true)
  const own = await reader.get(LIST, newer(written))
  expect([isKept(own), names(own)]).toEqual([false, ["Blue", "Red"]])
  const kept = await reader.get(LIST, newer(own))
  expect([isKept(kept), names(kept)]).toEqual([true, ["Blue", "Red"]])
})

test("a lagging replica's answer does not displace a newer one, nor serve once the change is told", async () => {
  await replicas.catchUp()
  const near = setting.isolate({ d1: replicas.d1 })
  const reader = await near.as("anonymous")
  const writer = setting.isolate({ d1: replicas.d1 })
  const written = await create(await writer.as("anonymous"), "Red")
  await writer.settled()
  await reader.get(LIST)
  setting.at += 1_001
  for (let i = 0; i < 2; i++) expect(isKept(await reader.get(LIST))).toBe(false)
  await reader.get(LIST, newer(written))
  const again = await reader.get(LIST)
  expect([isKept(again), names(again)]).toEqual([true, ["Red"]])
})

test("an answer goes into KV when it is asked for again, and other isolates take it from there", async () => {
  await create(anonymous, "Blue")
  await isolate.settled()
  const made = await anonymous.get(LIST)
  await isolate.settled()
  expect([...(await setting.kv.values()).keys()]).toEqual(["versions"])
  await anonymous.get(LIST)
  await isolate.settled()
  const other = setting.isolate()
  const taken = await (await other.as("anonymous")).get(LIST)
  expect([isKept(taken), taken.text, other.counted.trips]).toEqual([true, made.text, 0])
  expect(taken.headers.get("ETag")).toBe(made.headers.get("ETag"))
  expect(taken.headers.get("Selvedge-Bookmark")).toBe(made.headers.get("Selvedge-Bookmark"))
  await create(anonymous, "Red")
  await isolate.settled()
  expect(names(await (await setting.isolate().as("anonymous")).get(LIST))).toEqual(["Blue", "Red"])
})

test("an empty list is kept, and gives way to its first record", async () => {
  await anonymous.get(LIST)
  const empty = await anonymous.get(LIST)
  expect([isKept(empty), empty.body.data]).toEqual([true, []])
  await create(anonymous, "First")
  expect(names(await anonymous.get(LIST))).toEqual(["First"])
})

test("a name that is shown through a relation to accounts is told of, too", async () => {
  const id = crypto.randomUUID()
  const user = "INSERT INTO _users (id, email, name, created_at, updated_at, version) VALUES (?, ?, 'Ada', 1, 1, 1)"
  await env.FIXTURE.prepare(user).bind(id, `${id}@example.com`).run()
  const path = `${LIST}&expand=owner`
  const { body } = await anonymous.post("/v1/projects", { body: { name: "Blue", ownerId: id } })
  expect(body.ownerId).toBe(id)
  await anonymous.get(path)
  expect(isKept(await anonymous.get(path))).toBe(true)
  await env.FIXTURE.prepare("UPDATE _users SET name = 'Ada L.' WHERE id = ?").bind(id).run()
  await isolate.work.background.feed.wake()
  await isolate.settled()
  setting.at += 1_001
  expect((await anonymous.get(path)).body.data[0].owner.name).toBe("Ada L.")
})

test("a clock that jumps neither lets an answer live longer nor stops the cache", async () => {
  await anonymous.get(LIST)
  expect(isKept(await anonymous.get(LIST))).toBe(true)
  setting.at -= 3_600_000
  expect(isKept(await anonymous.get(LIST))).toBe(false)
  await anonymous.get(LIST)
  setting.at += 500
  expect(isKept(await anonymous.get(LIST))).toBe(true)
  setting.at += 7_200_000
  expect(isKept(await anonymous.get(LIST))).toBe(false)
  expect(isKept(await anonymous.get(LIST))).toBe(true)
})

test("in another history nothing of the old one serves, once it is told", async () => {
  await create(anonymous, "Blue")
  await isolate.settled()
  for (let i = 0; i < 2; i++) await anonymous.get(LIST)
  const [before] = (await anonymous.get(LIST)).headers.get("Selvedge-Bookmark")!.split(".")
  const epoch = crypto.randomUUID().replaceAll("-", "")
  await env.FIXTURE.prepare("UPDATE _meta SET value = ? WHERE key = 'epoch'").bind(epoch).run()
  await setting.kv.set("versions", JSON.stringify({ epoch, seqs: {} }))
  setting.at += 1_001
  const restored = await anonymous.get(LIST)
  expect(isKept(restored)).toBe(false)
  expect(restored.headers.get("Selvedge-Bookmark")).toMatch(new RegExp(`^${epoch}`))
  const other = await (await setting.isolate().as("anonymous")).get(LIST)
  expect([isKept(other), before === epoch]).toEqual([false, false])
  expect(isKept(await anonymous.get(LIST))).toBe(true)
})
