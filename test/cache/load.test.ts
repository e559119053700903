/** What the cache does under load, and how little it asks of the database and of KV. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import type { Client, Scenario } from "../fixture/scenario.ts"
import { backendWith, createSetting, isKept, type Setting } from "./setting.ts"

const LIST = "/v1/projects?sort=name"
let setting: Setting
let isolate: Scenario
let anonymous: Client

beforeEach(async () => {
  await env.FIXTURE.batch(["notes", "projects", "teams"].map((table) => env.FIXTURE.prepare(`DELETE FROM ${table}`)))
  setting = createSetting()
  isolate = setting.isolate()
  anonymous = await isolate.as("anonymous")
})

const times = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)))

test("fifty requests at once make one statement and one read of KV, and get the same answer", async () => {
  const answers = await times(50, () => anonymous.get(LIST))
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect([isolate.counted.trips, setting.kv.reads]).toEqual([1, 1])
  const followers = answers.filter(({ headers }) => headers.get("Cache-Status") === "selvedge; fwd=miss; collapsed")
  expect(followers).toHaveLength(49)
  setting.at += 1_001
  await times(50, () => anonymous.get(LIST))
  expect([isolate.counted.trips, setting.kv.reads]).toEqual([1, 2])
})

test("when the first of them is stuck, one other takes over after a second, and then all have it", async () => {
  const faulty = createFaultyD1()
  isolate = setting.isolate({ d1: faulty.d1 })
  const client = await isolate.as("anonymous")
  await client.get("/v1/teams")
  faulty.asked = 0
  faulty.hold()
  const stuck = client.get(LIST)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const others = times(20, () => client.get(LIST))
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  expect(faulty.asked).toBe(2)
  faulty.release()
  for (const { status } of [await stuck, ...(await others)]) expect(status).toBe(200)
  expect(faulty.asked).toBe(2)
})

test("a refusal is everybody's own, also beside others that ask the same", async () => {
  const id = crypto.randomUUID()
  const faulty = createFaultyD1()
  const client = await setting.isolate({ d1: faulty.d1 }).as("anonymous")
  await client.get("/v1/teams")
  faulty.hold()
  const missing = client.get(`/v1/projects/${id}`)
  const written = await anonymous.put(`/v1/projects/${id}`, { body: { name: "Now" } })
  const bookmark = written.headers.get("Selvedge-Bookmark")!
  const own = client.get(`/v1/projects/${id}`, { headers: { "Selvedge-Bookmark": bookmark } })
  faulty.faults.push({ text: "D1_ERROR: no such table: projects: SQLITE_ERROR" })
  faulty.release()
  expect((await missing).status).toBe(500)
  expect([200, 500]).toContain((await own).status)
  const refused = await times(3, (i) => client.get(`/v1/projects?sort=name&nothing=${i}`))
  expect(refused.map(({ status }) => status)).toEqual([400, 400, 400])
})

test("an answer is put into KV once while it is good, and not before it is asked for again", async () => {
  await anonymous.get(LIST)
  expect(setting.kv.puts).toBe(0)
  await times(20, () => anonymous.get(LIST))
  setting.at += 9_000
  await times(20, () => anonymous.get(LIST))
  expect(setting.kv.puts).toBe(1)
  await anonymous.get("/v1/teams")
  setting.at += 10_001
  await anonymous.get("/v1/teams")
  expect(setting.kv.puts).toBe(1)
})

test("changes that follow each other don't put an answer anew each time", async () => {
  for (let i = 0; i < 10; i++) {
    await anonymous.post("/v1/projects", { body: { name: `No. ${i}` } })
    for (let j = 0; j < 3; j++) await anonymous.get(LIST)
    setting.at += 1_500
  }
  expect(setting.kv.puts).toBe(1)
  setting.at += 20_000
  await anonymous.post("/v1/projects", { body: { name: "Later" } })
  for (let j = 0; j < 3; j++) await anonymous.get(LIST)
  expect(setting.kv.puts).toBe(2)
})

test("an isolate puts at most thirty answers a minute, and reads the versions once a second", async () => {
  setting.at = Math.ceil(setting.at / 60_000) * 60_000
  for (let i = 0; i < 50; i++) for (let j = 0; j < 2; j++) await anonymous.get(`/v1/projects?name=${i}`)
  expect(setting.kv.puts).toBe(30)
  setting.kv.reads = 0
  for (let i = 0; i < 100; i++) {
    setting.at += 50
    await anonymous.get("/v1/projects?name=0")
    await isolate.settled()
  }
  expect(setting.kv.reads).toBeLessThanOrEqual(10)
  expect(isolate.counted.trips).toBe(50)
})

test("what KV lacks is not asked for again and again", async () => {
  await anonymous.get(LIST)
  setting.kv.reads = 0
  for (let i = 0; i < 5; i++) await anonymous.get(`${LIST}&nothing=1`)
  expect(setting.kv.reads).toBe(1)
})

test("many changes in a row are told with one put a second", async () => {
  for (let i = 0; i < 20; i++) await anonymous.post("/v1/projects", { body: { name: `No. ${i}` } })
  await isolate.settled()
  expect(setting.kv.puts).toBe(1)
  await anonymous.post("/v1/notes", { body: { title: "of no kept answer" } })
  await isolate.settled()
  expect([...(await setting.kv.values()).keys()]).toEqual(["versions"])
})

test("an answer that is too large, or whose address is too long, is made anew each time", async () => {
  const name = "x".repeat(100_000)
  for (let i = 0; i < 6; i++) await anonymous.post("/v1/projects", { body: { name } })
  for (let i = 0; i < 3; i++) {
    const large = await anonymous.get(LIST)
    expect([large.status, isKept(large)]).toEqual([200, false])
  }
  const least = await anonymous.get(`${LIST}&limit=2`)
  expect([least.status, isKept(await anonymous.get(`${LIST}&limit=2`))]).toEqual([200, true])
  const long = (length: number) =>
    `/v1/projects?name=${"n".repeat(length - "https://edge.example/v1/projects?name=".length)}`
  for (const [length, kept] of [
    [2_048, true],
    [2_049, false],
  ] as const) {
    await anonymous.get(long(length))
    const again = await anonymous.get(long(length))
    expect([again.status, isKept(again)]).toEqual([200, kept])
    if (!kept) expect(again.headers.get("Cache-Status")).toBe("selvedge; fwd=bypass")
    expect(again.headers.get("Cache-Control")).toBe("public, max-age=0, must-revalidate")
  }
})

test("the isolate holds so many bytes, and what was asked for last is among them", async () => {
  const name = "x".repeat(240_000)
  for (let i = 0; i < 2; i++) await anonymous.post("/v1/projects", { body: { name } })
  for (let i = 0; i < 40; i++) await anonymous.get(`/v1/projects?name[ne]=${i}`)
  setting.kv.fault = "fails"
  setting.at += 100
  const { trips } = isolate.counted
  expect(isKept(await anonymous.get("/v1/projects?name[ne]=39"))).toBe(true)
  expect(isKept(await anonymous.get("/v1/projects?name[ne]=10"))).toBe(true)
  expect(isKept(await anonymous.get("/v1/projects?name[ne]=0"))).toBe(false)
  expect(isolate.counted.trips).toBe(trips + 1)
})

test("an old answer is given while one new one is made beside it", async () => {
  isolate = setting.isolate({ backend: backendWith({ cache: { staleWhileRevalidate: 30 } }) })
  const client = await isolate.as("anonymous")
  await client.get(LIST)
  await env.FIXTURE.prepare(
    "INSERT INTO projects (id, name, open, created_at, updated_at, version) VALUES (?, 'New', 1, 1, 1, 1)",
  )
    .bind(crypto.randomUUID())
    .run()
  setting.at += 70_000
  const { trips } = isolate.counted
  const stale = await times(20, () => client.get(LIST))
  expect(stale.map(({ body }) => body.data.length)).toEqual(Array(20).fill(0))
  expect(stale[0]!.headers.get("Age")).toBe("70")
  await isolate.settled()
  expect(isolate.counted.trips).toBe(trips + 1)
  expect((await client.get(LIST)).body.data).toHaveLength(1)
  setting.at += 90_001
  expect(isKept(await client.get(LIST))).toBe(false)
})
