import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import { createReplicas, type Replicas } from "../fixture/replicas.ts"
import { type Answer, type Client, createScenario } from "../fixture/scenario.ts"
import { backend } from "./scenario.ts"

let replicas: Replicas
let service: Client

beforeAll(async () => {
  replicas = await createReplicas()
})
beforeEach(async () => {
  await replicas.catchUp()
  service = await createScenario(backend, replicas.d1).as("service")
  await service.get("/v1/teams")
  replicas.answered.length = 0
})

const bookmarkOf = (answer: Answer) => answer.headers.get("Selvedge-Bookmark")!
const seen = (bookmark: string) => ({ headers: { "Selvedge-Bookmark": bookmark } })
const namesOf = ({ body }: Answer): string[] => body.data.map((team: { name: string }) => team.name)
const create = (name: string, headers: Record<string, string> = {}) =>
  service.post("/v1/teams", { body: { name }, headers })

describe("a client that sends its bookmark on", () => {
  test("reads what it wrote, though the replica lags", async () => {
    const made = await create("ravens")
    const id = made.body.id
    const headers = seen(bookmarkOf(made))
    expect((await service.get(`/v1/teams/${id}`, headers)).status).toBe(200)
    expect(namesOf(await service.get("/v1/teams?name=ravens", headers))).toEqual(["ravens"])
    expect(namesOf(await service.get("/v1/teams?q=raven", headers))).toEqual(["ravens"])
    const counted = await service.get("/v1/teams?aggregate=count&name=ravens", headers)
    expect(counted.body.data).toEqual([{ group: {}, count: 1 }])
    expect((await service.get("/v1/drizzle", headers)).body).toContain("ravens")
    expect((await service.get("/v1/records", headers)).body).toContain("ravens")
    expect(replicas.answered).toEqual(Array(7).fill("primary"))
    expect((await service.get(`/v1/teams/${id}`)).status).toBe(404)
  })

  test("reads it from the replica once that has caught up", async () => {
    const made = await create("owls")
    await replicas.catchUp()
    for (const path of [`/v1/teams/${made.body.id}`, "/v1/teams?q=owl", "/v1/drizzle", "/v1/records"]) {
      const answer = await service.get(path, seen(bookmarkOf(made)))
      expect(answer.text).toContain("owls")
      expect(bookmarkOf(answer) >= bookmarkOf(made)).toBe(true)
    }
    expect(replicas.answered.slice(1)).toEqual(Array(4).fill("replica"))
  })

  test("never sees an older state than before", async () => {
    const first = await service.get("/v1/teams", seen(bookmarkOf(await create("larks"))))
    expect(namesOf(first)).toContain("larks")
    for (let i = 0; i < 3; i++) {
      const next = await service.get("/v1/teams", seen(bookmarkOf(first)))
      expect(namesOf(next)).toContain("larks")
      expect(bookmarkOf(next) >= bookmarkOf(first)).toBe(true)
    }
  })

  test("finds its bookmark kept after a write that was refused", async () => {
    const made = await create("doves")
    const refused = await service.patch(`/v1/teams/${crypto.randomUUID()}`, { body: {}, ...seen(bookmarkOf(made)) })
    expect(refused.status).toBe(404)
    expect(bookmarkOf(refused).slice(0, 49)).toBe(bookmarkOf(made).slice(0, 49))
    expect(namesOf(await service.get("/v1/teams", seen(bookmarkOf(refused))))).toContain("doves")
  })
})

test("without a bookmark a read is answered by what is near, and tells how old that is", async () => {
  const before = await service.get("/v1/teams")
  const made = await create("wrens")
  const after = await service.get("/v1/teams")
  expect(namesOf(after)).not.toContain("wrens")
  expect(bookmarkOf(after)).toBe(bookmarkOf(before))
  expect(bookmarkOf(after) < bookmarkOf(made)).toBe(true)
  expect((await service.get("/v1/drizzle")).body).not.toContain("wrens")
  expect(replicas.answered).toEqual(["replica", "primary", "replica", "replica"])
})

test("writes go to the primary, and so does the answer under a key that was used", async () => {
  const key = { "Idempotency-Key": "kites" }
  const first = await create("kites", key)
  const again = await create("kites", key)
  expect(again.headers.get("Idempotency-Replayed")).toBe("true")
  expect(again.body).toEqual(first.body)
  const once = () => service.post("/v1/once", { body: { name: "terns" }, headers: { "Idempotency-Key": "terns" } })
  expect([(await once()).body, (await once()).body]).toEqual([{ made: "terns" }, { made: "terns" }])
  expect(replicas.answered).not.toContain("replica")
})

test("an application's own route reads what it wrote itself", async () => {
  expect((await service.post("/v1/drizzle", { body: { name: "finches" } })).body).toBe(1)
  // the last one asks which change is the newest
  expect(replicas.answered.splice(0)).toEqual(["replica", "primary", "primary", "primary"])
  expect((await service.post("/v1/mixed", { body: { name: "herons" } })).body).toEqual([0, 1])
  expect(replicas.answered).toEqual(["replica", "primary", "primary"])
})

describe("a bookmark that", () => {
  const read = async (bookmark: string, client = service) => {
    replicas.answered.length = 0
    const answer = await client.get("/v1/teams", seen(bookmark))
    return [answer.status, ...replicas.answered]
  }

  test.each([
    ["is of another history", () => `${"0".repeat(32)}.${"0".repeat(15)}1.`],
    ["is no bookmark", () => "nonsense"],
    ["is empty", () => ""],
    ["is huge", () => "x".repeat(8_000)],
    ["has a huge part of D1's", (good: string) => good.slice(0, 50) + "0".repeat(8_000)],
    ["has no part of D1's", (good: string) => good.slice(0, 50)],
  ])("%s is answered by the primary", async (_name, make) => {
    const bookmark = make(bookmarkOf(await service.get("/v1/teams")))
    expect(await read(bookmark)).toEqual([200, "primary"])
  })

  test("has a part that D1 chokes on is answered by the primary", async () => {
    const good = bookmarkOf(await service.get("/v1/teams"))
    expect(await read(`${good.slice(0, 50)}nonsense`)).toEqual([200, "primary"])
    expect((await service.get("/v1/drizzle", seen(`${good.slice(0, 50)}nonsense`))).status).toBe(200)
  })

  test("is good is answered by the replica, also in an isolate that has answered nobody yet", async () => {
    const good = bookmarkOf(await service.get("/v1/teams"))
    const fresh = await createScenario(backend, replicas.d1).as("service")
    expect(await read(good, fresh)).toEqual([200, "replica"])
    expect(await read(good, fresh)).toEqual([200, "replica"])
  })

  test("is of another history is told apart by such an isolate", async () => {
    const good = bookmarkOf(await service.get("/v1/teams"))
    const fresh = await createScenario(backend, replicas.d1).as("service")
    expect(await read("0".repeat(32) + good.slice(32), fresh)).toEqual([200, "replica", "primary"])
    expect(await read("0".repeat(32) + good.slice(32), fresh)).toEqual([200, "primary"])
  })
})
