import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { backend } from "../fixture/backend.ts"
import { type Client, createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.FIXTURE)
const ADA = "0199aaaa-0000-7000-8000-000000000051"

let ada: Client
let bob: Client

beforeAll(async () => {
  ada = await scenario.as({ id: ADA })
  bob = await scenario.as({ id: "0199bbbb-0000-7000-8000-000000000052" })
  await env.FIXTURE.prepare("INSERT INTO _users (id, created_at, updated_at, email) VALUES (?1, 1, 1, ?1)")
    .bind(ADA)
    .run()
})

async function newNote(body: object = {}): Promise<string> {
  const answer = await ada.post("/v1/notes", { body: { title: "a note", ownerId: ADA, ...body } })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

describe("idempotency", () => {
  test("50 parallel creates with one key make one record and give one answer", async () => {
    const seq = await scenario.lastSeq()
    const send = () =>
      ada.post("/v1/notes", { body: { title: "once", ownerId: ADA }, headers: { "Idempotency-Key": "once" } })
    const answers = await Promise.all(Array.from({ length: 50 }, send))
    expect(
      new Set(
        answers.map(
          (answer) => `${answer.status} ${answer.text} ${answer.headers.get("ETag")} ${answer.headers.get("Location")}`,
        ),
      ).size,
    ).toBe(1)
    expect(answers.filter((answer) => answer.headers.get("Idempotency-Replayed") === "true")).toHaveLength(49)
    expect(await scenario.changes(seq)).toHaveLength(1)
  })

  test("the same key with another request is a mismatch, and another caller's key is another key", async () => {
    const send = (client: Client, title: string) =>
      client.post("/v1/notes", { body: { title }, headers: { "Idempotency-Key": "shared" } })
    expect((await send(ada, "a")).status).toBe(201)
    expect((await send(ada, "b")).body.code).toBe("idempotency_mismatch")
    const other = await send(bob, "a")
    expect(other.status).toBe(201)
    expect(other.headers.get("Idempotency-Replayed")).toBeNull()
  })

  test("a refused write is not kept", async () => {
    const id = await newNote({ code: "kept" })
    const send = () =>
      ada.post("/v1/notes", { body: { title: "c", code: "kept" }, headers: { "Idempotency-Key": "refused" } })
    expect((await send()).status).toBe(409)
    await ada.delete(`/v1/notes/${id}`)
    expect((await send()).status).toBe(201)
  })

  test("PATCH, PUT and DELETE are repeated as they were first answered", async () => {
    const id = await newNote()
    const headers = { "Idempotency-Key": "same" }
    const path = `/v1/notes/${id}`
    const made = "/v1/notes/0199aaaa-4444-7000-8000-000000000001"
    for (const run of [
      () => ada.patch(path, { body: { rank: 1 }, headers }),
      () => ada.put(made, { body: { title: "t", ownerId: ADA }, headers: { "Idempotency-Key": "put" } }),
      () => ada.put(made, { body: { title: "u", ownerId: ADA }, headers: { "Idempotency-Key": "put2" } }),
      () => ada.delete(path, { headers: { "Idempotency-Key": "gone" } }),
    ]) {
      const [first, again] = [await run(), await run()]
      expect(first.status, first.text).toBeLessThan(300)
      expect([again.status, again.text]).toEqual([first.status, first.text])
      expect(again.headers.get("Idempotency-Replayed")).toBe("true")
    }
  })

  test("a key with a character outside printable ASCII is refused", async () => {
    const answer = await ada.post("/v1/notes", { body: { title: "x" }, headers: { "Idempotency-Key": "a\tb" } })
    expect(answer.body.code).toBe("invalid_header")
  })
})

describe("batch", () => {
  test("operations see each other, and answers stand in their order", async () => {
    const id = "0199aaaa-5555-7000-8000-000000000001"
    const answer = await ada.post("/v1/batch", {
      body: {
        operations: [
          { method: "POST", path: "/v1/projects", body: { id, name: "p", ownerId: ADA } },
          { method: "POST", path: "/v1/notes", body: { title: "n", projectId: id, ownerId: ADA } },
          { method: "PATCH", path: `/v1/projects/${id}`, headers: { "If-Match": '"1"' }, body: { name: "q" } },
          { method: "PUT", path: `/v1/notes/${id}`, body: { title: "put", ownerId: ADA } },
          { method: "DELETE", path: `/v1/notes/${id}` },
        ],
      },
    })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body.results.map((result: { status: number }) => result.status)).toEqual([201, 201, 200, 201, 204])
    expect(answer.body.results[2]).toMatchObject({ headers: { ETag: '"2"' }, body: { name: "q" } })
  })

  test("one bad operation undoes all and is named", async () => {
    await newNote({ code: "taken" })
    const seq = await scenario.lastSeq()
    const good = { method: "POST", path: "/v1/notes", body: { title: "good" } }
    for (const [bad, code] of [
      [{ method: "POST", path: "/v1/notes", body: { title: "bad", code: "taken" } }, "conflict"],
      [{ method: "POST", path: "/v1/notes", body: {} }, "validation_failed"],
      [{ method: "PATCH", path: "/v1/notes/0199aaaa-9999-7000-8000-000000000001", body: {} }, "not_found"],
      [{ method: "POST", path: "/v1/nothing", body: {} }, "not_found"],
      [{ method: "DELETE", path: "/v1/notes" }, "method_not_allowed"],
    ] as const) {
      const answer = await ada.post("/v1/batch", { body: { operations: [good, good, bad, good] } })
      expect(answer.body, code).toMatchObject({ code, operation: 2 })
    }
    expect(await scenario.changes(seq)).toEqual([])
  })

  test("the whole batch has one Idempotency-Key", async () => {
    const send = () =>
      ada.post("/v1/batch", {
        body: {
          operations: [
            { method: "POST", path: "/v1/notes", body: { title: "a", ownerId: ADA } },
            { method: "POST", path: "/v1/notes", body: { title: "b" } },
          ],
        },
        headers: { "Idempotency-Key": "batch" },
      })
    const [first, again] = [await send(), await send()]
    expect(first.status, first.text).toBe(200)
    expect(again.text).toBe(first.text)
  })

  test("more than 100 operations, none, and unknown members are refused", async () => {
    const operation = { method: "POST", path: "/v1/notes", body: { title: "x" } }
    for (const operations of [
      Array(101).fill(operation),
      [],
      [{ ...operation, extra: 1 }],
      [{ ...operation, headers: { Accept: "x" } }],
      "no",
    ]) {
      expect((await ada.post("/v1/batch", { body: { operations } })).status).toBe(422)
    }
    expect((await ada.post("/v1/batch", { body: { operations: Array(100).fill(operation) } })).status).toBe(200)
  })
})

describe("cost", () => {
  test("every write is one batch", async () => {
    const id = await newNote()
    for (const run of [
      () => ada.post("/v1/notes", { body: { title: "x", ownerId: ADA, projectId: null } }),
      () => ada.patch(`/v1/notes/${id}`, { body: { rank: 2 } }),
      () => ada.put(`/v1/notes/${id}`, { body: { title: "y", ownerId: ADA } }),
      () =>
        ada.post("/v1/batch", { body: { operations: [{ method: "POST", path: "/v1/notes", body: { title: "x" } }] } }),
      () => ada.post("/v1/notes", { body: { title: "x" }, headers: { "Idempotency-Key": "cost" } }),
      () => ada.delete(`/v1/notes/${id}`),
    ]) {
      scenario.counted.trips = 0
      const answer = await run()
      expect(answer.status, answer.text).toBeLessThan(300)
      expect(scenario.counted.trips).toBe(1)
    }
  })
})
