/** What is answered while the database or KV is away, or what KV holds is damaged. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { createFaultyD1, type FaultyD1 } from "../fixture/faulty-d1.ts"
import type { Client, Scenario } from "../fixture/scenario.ts"
import { backendWith, createSetting, isKept, type Setting } from "./setting.ts"

const LIST = "/v1/projects?sort=name"
const OVERLOADED = "D1_ERROR: D1 DB is overloaded. Requests queued for too long."
let setting: Setting
let faulty: FaultyD1
let isolate: Scenario
let anonymous: Client

beforeEach(async () => {
  await env.FIXTURE.batch(["projects", "teams"].map((table) => env.FIXTURE.prepare(`DELETE FROM ${table}`)))
  setting = createSetting()
  faulty = createFaultyD1()
  isolate = setting.isolate({ d1: faulty.d1 })
  anonymous = await isolate.as("anonymous")
})

function pullAway(text = OVERLOADED): void {
  faulty.faults.push(...Array(100).fill({ text }))
}

test("without the database, kept answers come, also when they are old; other questions are 503", async () => {
  await anonymous.post("/v1/projects", { body: { name: "Blue" } })
  const first = await anonymous.get(LIST)
  pullAway()
  expect((await anonymous.get(LIST)).text).toBe(first.text)
  setting.at += 61_000
  const old = await anonymous.get(LIST)
  expect([old.status, old.text, old.headers.get("Age")]).toEqual([200, first.text, "61"])
  expect(old.headers.get("Cache-Status")).toBe("selvedge; hit; ttl=-1; detail=stale-if-error")
  const same = await anonymous.get(LIST, { headers: { "If-None-Match": first.headers.get("ETag")! } })
  expect([same.status, same.headers.get("Cache-Status")]).toEqual([304, "selvedge; hit; ttl=-1; detail=stale-if-error"])
  const other = await anonymous.get("/v1/projects?sort=-name")
  expect([other.status, other.body.code, other.headers.has("Retry-After")]).toEqual([503, "overloaded", true])
  expect(isolate.logged).toContainEqual(expect.objectContaining({ level: "error", event: "failure" }))
  setting.at += 3_600_000
  expect((await anonymous.get(LIST)).status).toBe(503)
})

test("whoever has seen something newer is not given the old answer, even then", async () => {
  await anonymous.get(LIST)
  const written = await (await setting.isolate().as("anonymous")).post("/v1/projects", { body: { name: "Red" } })
  pullAway()
  const bookmark = written.headers.get("Selvedge-Bookmark")!
  expect((await anonymous.get(LIST, { headers: { "Selvedge-Bookmark": bookmark } })).status).toBe(503)
  expect((await anonymous.get(LIST)).status).toBe(200)
})

test("an isolate that has nothing of its own gives what KV has, as long as the collection says", async () => {
  const backend = backendWith({ cache: { staleIfError: 120 } })
  const writer = setting.isolate({ backend })
  for (let i = 0; i < 2; i++) await (await writer.as("anonymous")).get(LIST)
  await writer.settled()
  pullAway("D1_ERROR: Network connection lost.")
  setting.at += 100_000
  const client = await setting.isolate({ backend, d1: faulty.d1 }).as("anonymous")
  expect((await client.get(LIST)).headers.get("Cache-Status")).toContain("stale-if-error")
  setting.at += 81_000
  expect((await client.get(LIST)).status).toBe(503)
})

test("a question that is refused is refused, whatever was kept", async () => {
  const { body } = await anonymous.post("/v1/projects", { body: { name: "Blue" } })
  await anonymous.get(`/v1/projects/${body.id}`)
  await anonymous.delete(`/v1/projects/${body.id}`)
  expect((await anonymous.get(`/v1/projects/${body.id}`)).status).toBe(404)
})

test("without KV the database answers; the isolate leaves KV alone for some seconds, and then goes on", async () => {
  setting.kv.fault = "fails"
  for (let i = 0; i < 10; i++) expect((await anonymous.get(LIST)).status).toBe(200)
  expect(setting.kv.reads).toBe(1)
  expect(isolate.logged.filter(({ event }) => event === "cache_not_reached")).toHaveLength(1)
  setting.kv.fault = undefined
  setting.at += 5_001
  await anonymous.get(LIST)
  expect(isKept(await anonymous.get(LIST))).toBe(true)
})

test("KV that hangs holds a request up for half a second, and the next ones not at all", async () => {
  setting.kv.fault = "hangs"
  const startedAt = Date.now()
  const answers = await Promise.all(Array.from({ length: 20 }, () => anonymous.get(LIST)))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  expect(Date.now() - startedAt).toBeLessThan(1_500)
  const again = Date.now()
  for (let i = 0; i < 5; i++) expect((await anonymous.get("/v1/teams")).status).toBe(200)
  expect(Date.now() - again).toBeLessThan(500)
})

test("a put that fails is in the log, and harms nobody", async () => {
  await anonymous.get(LIST)
  setting.kv.fault = "fails"
  expect((await anonymous.get(LIST)).status).toBe(200)
  await isolate.settled()
  expect(isolate.logged).toContainEqual(expect.objectContaining({ event: "failure" }))
})

const DAMAGED = [
  "",
  "x",
  "null",
  "5",
  "{}",
  '{"epoch":"x"}',
  '{"epoch":1,"seqs":{}}',
  '{"epoch":"x","seqs":{"projects":"x"}}',
]
test.each(DAMAGED)("versions that are damaged say nothing: %s", async (value) => {
  await setting.kv.set("versions", value)
  await anonymous.get(LIST)
  expect(isKept(await anonymous.get(LIST))).toBe(true)
  await anonymous.post("/v1/projects", { body: { name: "Blue" } })
  await isolate.settled()
  const { epoch, seqs } = JSON.parse((await setting.kv.values()).get("versions")!)
  expect([epoch.length, seqs.projects]).toEqual([32, await isolate.lastSeq()])
})

test("versions that are lost, and told anew, are of all tables: nothing kept before serves", async () => {
  await anonymous.get("/v1/teams")
  await anonymous.get("/v1/teams")
  await env.FIXTURE.prepare(
    "INSERT INTO teams (id, name, created_at, updated_at, version) VALUES (?, 'Untold', 1, 1, 1)",
  )
    .bind(crypto.randomUUID())
    .run()
  await setting.kv.remove("versions")
  const other = setting.isolate()
  await (await other.as("anonymous")).post("/v1/projects", { body: { name: "Blue" } })
  await other.settled()
  setting.at += 1_001
  expect((await anonymous.get("/v1/teams")).body.data).toHaveLength(1)
})

test("an answer that is damaged in KV is made anew", async () => {
  for (let i = 0; i < 2; i++) await anonymous.get(LIST)
  await isolate.settled()
  const [name, value] = [...(await setting.kv.values())].find(([key]) => key.startsWith("answer:"))!
  const [line, body] = value.split("\n") as [string, string]
  const head = JSON.parse(line)
  const changed = (changes: object) => `${JSON.stringify({ ...head, ...changes })}\n${body}`
  const values = [
    "",
    "x",
    "null\n{}",
    changed({ key: "another" }),
    changed({ tables: undefined }),
    changed({ tables: null }),
    changed({ collections: undefined }),
    changed({ collections: ["gone"] }),
    changed({ headers: undefined }),
    changed({ headers: {} }),
    changed({ bookmark: "x" }),
    changed({ madeAt: null }),
    changed({ madeAt: head.madeAt + 86_400_000 }),
  ]
  for (const damaged of values) {
    await setting.kv.set(name, damaged)
    const answer = await (await setting.isolate().as("anonymous")).get(LIST)
    expect([answer.status, isKept(answer), answer.text], damaged).toEqual([200, false, body])
  }
})

test("the feed goes on without KV, buries no change, and tells all of them later", async () => {
  await anonymous.post("/v1/projects", { body: { name: "Blue" } })
  await isolate.settled()
  setting.kv.fault = "fails"
  for (let i = 0; i < 12; i++) {
    await anonymous.post("/v1/projects", { body: { name: `No. ${i}` } })
    await isolate.settled()
    setting.at += 60_000
  }
  const untold = await isolate.lastSeq()
  setting.kv.fault = undefined
  expect(isolate.logged.some(({ event }) => event === "change_buried")).toBe(false)
  expect(isolate.logged.some(({ event }) => event === "cache_not_told")).toBe(true)
  await anonymous.post("/v1/teams", { body: { name: "Red" } })
  await isolate.settled()
  const { seqs } = JSON.parse((await setting.kv.values()).get("versions")!)
  expect(seqs.projects).toBe(untold)
})
