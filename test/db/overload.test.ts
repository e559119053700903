import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { type Answer, type Client, createScenario } from "../fixture/scenario.ts"
import { backend } from "./scenario.ts"

const BUSY = [
  "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
  "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
  "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
  "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
]
const TRANSIENT = [
  "D1_ERROR: Network connection lost.",
  "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
  "D1_ERROR: D1 DB reset because its code was updated.",
  "D1_ERROR: Cannot resolve D1 due to transient issue on remote node.",
  "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
]
const [LOST] = TRANSIENT as [string]

const faulty = createFaultyD1()
let at = Date.UTC(2026, 10, 21)
let scenario = createScenario(backend, faulty.d1)
let service: Client

beforeEach(async () => {
  scenario = createScenario(backend, faulty.d1, () => at)
  service = await scenario.as("service")
  faulty.faults.length = 0
  faulty.asked = 0
})

const fail = (...texts: string[]) => faulty.faults.push(...texts.map((text) => ({ text })))
const commitThenFail = (text: string) => faulty.faults.push({ text, isCarriedOut: true })
const create = (name: string, headers: Record<string, string> = {}) =>
  service.post("/v1/teams", { body: { name }, headers })
const count = async (name: string) => {
  const { body } = await service.get(`/v1/teams?aggregate=count&name=${name}`)
  return body.data[0]?.count ?? 0
}
function expectRefusal(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code], answer.text).toEqual([status, code])
  expect(answer.headers.get("Retry-After")).toMatch(/^[123]$/)
  expect(answer.text).not.toContain("D1")
}

describe.each(BUSY)("%s", (text) => {
  test.each([
    ["a read", () => service.get("/v1/teams")],
    ["a write", () => create("busy")],
    ["a write with a key", () => create("busy", { "Idempotency-Key": crypto.randomUUID() })],
    ["a Drizzle read", () => service.get("/v1/drizzle")],
  ])("%s is 503 with Retry-After, and D1 is left alone", async (_name, send) => {
    fail(text)
    expectRefusal(await send(), 503, "overloaded")
    expect(faulty.asked).toBe(1)
    expect(await count("busy")).toBe(0)
  })
})

describe.each(TRANSIENT)("%s", (text) => {
  test("a read is asked again", async () => {
    for (const path of ["/v1/teams", "/v1/drizzle", "/v1/records"]) {
      faulty.asked = 0
      fail(text)
      expect((await service.get(path)).status).toBe(200)
      expect(faulty.asked).toBe(2)
    }
  })

  test("a read that fails again is 503 with Retry-After", async () => {
    for (const path of ["/v1/teams", "/v1/drizzle"]) {
      fail(text, text)
      expectRefusal(await service.get(path), 503, "overloaded")
    }
    expect(faulty.asked).toBe(4)
  })

  test("a plain write is 503 at once, for it may have been carried out", async () => {
    fail(text)
    expectRefusal(await create("plain"), 503, "overloaded")
    fail(text)
    const operations = [{ method: "POST", path: "/v1/teams", body: { name: "plain" } }]
    expectRefusal(await service.post("/v1/batch", { body: { operations } }), 503, "overloaded")
    expect(faulty.asked).toBe(2)
    expect(await count("plain")).toBe(0)
  })
})

describe("a write with a key", () => {
  const keyed = (name: string) => ({ "Idempotency-Key": name })

  test("is made again when nothing came of it", async () => {
    fail(LOST)
    expect((await create("again", keyed("again"))).status).toBe(201)
    expect([faulty.asked, await count("again")]).toEqual([2, 1])
  })

  test("is not doubled when it was committed and its answer was lost", async () => {
    commitThenFail(LOST)
    const made = await create("lost", keyed("lost"))
    expect([made.status, made.body.name]).toEqual([201, "lost"])
    expect(made.headers.get("Location")).toBe(`/v1/teams/${made.body.id}`)
    expect((await create("lost", keyed("lost"))).body).toEqual(made.body)
    expect(await count("lost")).toBe(1)
  })

  test("is not doubled by a batch or an application's own route either", async () => {
    const operations = ["b1", "b2"].map((name) => ({ method: "POST", path: "/v1/teams", body: { name } }))
    commitThenFail(LOST)
    const batch = await service.post("/v1/batch", { body: { operations }, headers: keyed("batch") })
    expect(batch.body.results.map(({ status }: { status: number }) => status)).toEqual([201, 201])
    faulty.faults.push(undefined)
    commitThenFail(LOST)
    const once = await service.post("/v1/once", { body: { name: "b3" }, headers: keyed("once") })
    expect([once.status, once.body]).toEqual([200, { made: "b3" }])
    expect([await count("b1"), await count("b2"), await count("b3")]).toEqual([1, 1, 1])
  })

  test("that fails twice is 503, and the client's own repeat finds what became of it", async () => {
    commitThenFail(LOST)
    fail(LOST)
    expectRefusal(await create("twice", keyed("twice")), 503, "overloaded")
    expect((await create("twice", keyed("twice"))).status).toBe(201)
    expect(await count("twice")).toBe(1)
  })
})

test("a plain write whose answer was lost is there once", async () => {
  commitThenFail(LOST)
  expectRefusal(await create("plain-lost"), 503, "overloaded")
  expect([faulty.asked, await count("plain-lost")]).toEqual([1, 1])
})

test("what fails for another reason stays an error, and is asked once", async () => {
  fail("D1_ERROR: the disk is on fire")
  expect((await service.get("/v1/drizzle")).body).toMatchObject({ status: 500, code: "internal" })
  expect(faulty.asked).toBe(1)
})

test("a read that takes 10 seconds is cut off, and a write is not", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  faulty.hold()
  try {
    const reads = ["/v1/teams", "/v1/drizzle"].map((path) => service.get(path))
    const write = create("slow")
    while (faulty.asked < 3) await env.FIXTURE.prepare("SELECT 1").run()
    let isCut = false
    void Promise.race(reads).then(() => (isCut = true))
    await vi.advanceTimersByTimeAsync(9_999)
    expect(isCut).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    for (const read of reads) expectRefusal(await read, 504, "timeout")
    faulty.release()
    expect((await write).status).toBe(201)
  } finally {
    faulty.release()
    vi.useRealTimers()
  }
})

describe("with 1,000 calls of D1 under way", () => {
  const sendMany = async () => {
    faulty.hold()
    faulty.asked = 0
    const many = service.get("/v1/many")
    while (faulty.asked < 1_000) await env.FIXTURE.prepare("SELECT 1").run()
    return { many }
  }

  test("the isolate refuses what comes, at once and without asking, until one has ended", async () => {
    const { many } = await sendMany()
    for (const path of ["/v1/teams", "/v1/drizzle", "/v1/records"])
      expectRefusal(await service.get(path), 503, "overloaded")
    expectRefusal(await create("shed"), 503, "overloaded")
    expect(faulty.asked).toBe(1_000)
    faulty.release()
    expect((await many).body).toBe(1_000)
    expect((await service.get("/v1/teams")).status).toBe(200)
    expect(await count("shed")).toBe(0)
  })

  test("their places are free after 40 seconds, though none has ended, and only once", async () => {
    const { many } = await sendMany()
    at += 29_000
    expectRefusal(await service.get("/v1/teams"), 503, "overloaded")
    at += 11_000
    const next = service.get("/v1/teams")
    while (faulty.asked < 1_001) await env.FIXTURE.prepare("SELECT 1").run()
    faulty.release()
    expect([(await next).status, (await many).status]).toEqual([200, 200])
    const again = await sendMany()
    expectRefusal(await service.get("/v1/teams"), 503, "overloaded")
    faulty.release()
    expect((await again.many).status).toBe(200)
  })
})

test("the log of a failed statement has its text, and none of its values", async () => {
  for (const text of [BUSY[0]!, "D1_ERROR: the disk is on fire"]) {
    faulty.faults.push(undefined, { text })
    const { status } = await service.post("/v1/drizzle", { body: { name: "ada@private.example" } })
    expect(status).toBeGreaterThanOrEqual(500)
  }
  const failures = scenario.logged.filter(({ event }) => event === "failure")
  expect(failures).toHaveLength(2)
  expect(JSON.stringify(failures)).toContain("insert into")
  expect(JSON.stringify(failures)).toContain("the disk is on fire")
  expect(JSON.stringify(scenario.logged)).not.toContain("ada@private.example")
})
