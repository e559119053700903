import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { backend } from "../fixture/backend.ts"
import { type Client, createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.FIXTURE)
const ADA = "0199aaaa-0000-7000-8000-000000000001"
const BOB = "0199bbbb-0000-7000-8000-000000000002"
const STRANGER = "0199cccc-0000-7000-8000-000000000003"

let ada: Client
let bob: Client
let staff: Client
let service: Client
let anonymous: Client

beforeAll(async () => {
  ada = await scenario.as({ id: ADA })
  bob = await scenario.as({ id: BOB })
  staff = await scenario.as({ id: STRANGER, roles: ["staff"] })
  service = await scenario.as("service")
  anonymous = await scenario.as("anonymous")
  for (const [id, name] of [
    [ADA, "Ada"],
    [BOB, "Bob"],
  ]) {
    await env.FIXTURE.prepare(
      "INSERT INTO _users (id, created_at, updated_at, version, email, name) VALUES (?, 1, 1, 1, ?, ?)",
    )
      .bind(id, `${name}@example.com`, name)
      .run()
  }
})

async function newNote(body: object = {}): Promise<string> {
  const answer = await ada.post("/v1/notes", { body: { title: "a note", ownerId: ADA, ...body } })
  expect(answer.status, answer.text).toBe(201)
  return answer.body.id
}

describe("create", () => {
  test("every kind of column comes back as it was sent", async () => {
    const body = {
      id: "0199aaaa-1111-7000-8000-000000000001",
      title: "Ünïcode 🎬",
      rank: -5,
      done: true,
      dueAt: "2026-01-31T12:00:00.123Z",
      seenAt: "2026-01-31T12:00:00.000Z",
      big: "9007199254740993",
      tags: ["a", 1, true],
      data: "AAH_",
      mood: "good",
      ownerId: ADA,
    }
    const answer = await ada.post("/v1/notes", { body })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject(body)
    expect(answer.headers.get("Location")).toBe(`/v1/notes/${body.id}`)
    expect(answer.headers.get("ETag")).toBe('"1"')
    expect((await ada.get(`/v1/notes/${body.id}`)).body).toEqual(answer.body)
  })

  test("a stamp is set from the caller, a hidden field is not shown, a default of the database is", async () => {
    const { body } = await ada.post("/v1/notes", { body: { title: "x", ownerId: ADA } })
    expect(body.stamped).toBe(ADA)
    expect(body).not.toHaveProperty("secret")
    expect(body).not.toHaveProperty("serial")
    expect(body.token).toMatch(/^[0-9a-f]{8}$/)
  })

  test("fields that the caller may not write are each named", async () => {
    const answer = await ada.post("/v1/notes", {
      body: {
        ownerId: ADA,
        secret: "s",
        serial: "1",
        score: 1,
        token: "t",
        stamped: BOB,
        version: 7,
        nonsense: 1,
        rank: "five",
        mood: "odd",
        tags: [{}],
        dueAt: "yesterday",
      },
    })
    expect(answer.status).toBe(422)
    const codes = Object.fromEntries(
      answer.body.errors.map((error: { pointer: string; code: string }) => [error.pointer, error.code]),
    )
    expect(codes).toEqual({
      "/secret": "unknown_field",
      "/serial": "unknown_field",
      "/nonsense": "unknown_field",
      "/score": "read_only",
      "/token": "read_only",
      "/stamped": "read_only",
      "/version": "read_only",
      "/rank": "invalid_type",
      "/mood": "invalid_value",
      "/tags/0": "invalid_union",
      "/dueAt": "invalid_format",
    })
  })

  test("a fraction of a second does not fit a column of seconds", async () => {
    const answer = await ada.post("/v1/notes", { body: { title: "x", seenAt: "2026-01-01T00:00:00.500Z" } })
    expect(answer.body.errors).toEqual([
      { pointer: "/seenAt", code: "invalid_format", message: "must be a whole second" },
    ])
  })

  test("a field that is missing is required", async () => {
    const answer = await ada.post("/v1/notes", { body: {} })
    expect(answer.body.errors).toEqual([{ pointer: "/title", code: "required", message: "is required" }])
  })

  test("a new record that its maker may not read is answered by id and version alone", async () => {
    const answer = await anonymous.post("/v1/notes", { body: { title: "into the dark" } })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toEqual({ id: answer.body.id, version: 1 })
  })

  test("a unique column that is taken is named", async () => {
    await newNote({ code: "one" })
    const answer = await ada.post("/v1/notes", { body: { title: "b", code: "one" } })
    expect(answer.status).toBe(409)
    expect(answer.body).toMatchObject({ code: "conflict", errors: [{ pointer: "/code", code: "conflict" }] })
  })

  test("a missing reference and an unreadable one can't be told apart", async () => {
    const hidden = await bob.post("/v1/projects", { body: { name: "hidden", ownerId: BOB, open: false } })
    expect(hidden.status, hidden.text).toBe(201)
    const to = (projectId: string) => ada.post("/v1/notes", { body: { title: "b", projectId } })
    const [unreadable, missing] = [await to(hidden.body.id), await to("0199aaaa-9999-7000-8000-000000000001")]
    expect(missing.status).toBe(409)
    expect(missing.body).toMatchObject({ code: "reference_not_found", errors: [{ pointer: "/projectId" }] })
    const { requestId: _, ...rest } = unreadable.body
    const { requestId: __, ...other } = missing.body
    expect(rest).toEqual(other)
  })

  test("the service writes what only the server may write", async () => {
    const answer = await service.post("/v1/notes", {
      body: { title: "x", secret: "s", stamped: "anyone", score: 2, token: "own" },
    })
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject({ secret: "s", stamped: "anyone", score: 2, token: "own" })
  })
})

describe("update", () => {
  test("If-Match lets one of two writers through", async () => {
    const id = await newNote()
    const patch = (rank: number) => ada.patch(`/v1/notes/${id}`, { body: { rank }, headers: { "If-Match": '"1"' } })
    const answers = await Promise.all([patch(1), patch(2)])
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 412])
  })

  test("null empties a field, what is left out stays, and {} changes nothing", async () => {
    const id = await newNote({ rank: 3, body: "text" })
    const seq = await scenario.lastSeq()
    const changed = await ada.patch(`/v1/notes/${id}`, { body: { rank: null } })
    expect(changed.body).toMatchObject({ rank: null, body: "text", version: 2 })
    const same = await ada.patch(`/v1/notes/${id}`, { body: {} })
    const equal = await ada.patch(`/v1/notes/${id}`, { body: { body: "text" } })
    expect([same.body, equal.body]).toEqual([changed.body, changed.body])
    expect(await scenario.changes(seq)).toHaveLength(1)
  })

  test("a stranger who sees the record is forbidden, one who doesn't finds nothing", async () => {
    const seen = await newNote({ done: true })
    const hidden = await newNote()
    expect((await bob.patch(`/v1/notes/${seen}`, { body: { rank: 1 } })).body.code).toBe("forbidden")
    expect((await bob.patch(`/v1/notes/${hidden}`, { body: { rank: 1 } })).body.code).toBe("not_found")
    expect((await bob.patch("/v1/notes/0199aaaa-9999-7000-8000-000000000001", { body: { rank: 1 } })).body.code).toBe(
      "not_found",
    )
    expect((await anonymous.patch(`/v1/notes/${seen}`, { body: { rank: 1 } })).status).toBe(401)
    expect((await ada.patch("/v1/notes/nonsense", { body: { rank: 1 } })).status).toBe(404)
  })

  test("a record can't be given away past the rule, and nothing of the refusal stays", async () => {
    const id = await newNote()
    const seq = await scenario.lastSeq()
    const answer = await ada.patch(`/v1/notes/${id}`, { body: { ownerId: BOB } })
    expect(answer.body.code).toBe("forbidden")
    expect(await scenario.changes(seq)).toEqual([])
  })

  test("an immutable field can't be changed", async () => {
    const id = await newNote({ source: "here" })
    const answer = await ada.patch(`/v1/notes/${id}`, { body: { source: "there" } })
    expect(answer.body.errors).toMatchObject([{ pointer: "/source", code: "immutable" }])
  })

  test("a collection that wants If-Match answers 428 without it", async () => {
    const project = await ada.post("/v1/projects", { body: { name: "mine", ownerId: ADA } })
    const path = `/v1/projects/${project.body.id}`
    expect((await ada.patch(path, { body: { name: "b" } })).status).toBe(428)
    expect((await ada.patch(path, { body: { name: "b" }, headers: { "If-Match": 'W/"1"' } })).status).toBe(412)
    expect((await ada.patch(path, { body: { name: "b" }, headers: { "If-Match": "1" } })).status).toBe(400)
    expect((await ada.patch(path, { body: { name: "b" }, headers: { "If-Match": "*" } })).status).toBe(200)
  })

  test("a record grown beyond 256 KiB is refused", async () => {
    const id = await newNote({ body: "x".repeat(200_000) })
    const answer = await ada.patch(`/v1/notes/${id}`, { body: { code: "y".repeat(100_000) } })
    expect(answer.status, answer.text).toBe(413)
  })
})

describe("replace", () => {
  test("a fetched record can be sent back, and that changes nothing", async () => {
    const id = await newNote({ rank: 1, source: "here" })
    const { body } = await ada.get(`/v1/notes/${id}`)
    const answer = await ada.put(`/v1/notes/${id}`, { body })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toEqual(body)
  })

  test("what is left out becomes its default or null; hidden, stamped and immutable fields stay", async () => {
    const id = await newNote({ rank: 1, body: "text", source: "here", done: true })
    await env.FIXTURE.prepare("UPDATE notes SET secret = 'kept', serial = 'kept' WHERE id = ?").bind(id).run()
    const answer = await ada.put(`/v1/notes/${id}`, { body: { title: "new", ownerId: ADA } })
    expect(answer.body).toMatchObject({
      title: "new",
      rank: null,
      body: null,
      done: false,
      source: "here",
      stamped: ADA,
    })
    const row = await env.FIXTURE.prepare("SELECT secret, serial FROM notes WHERE id = ?").bind(id).first()
    expect(row).toEqual({ secret: "kept", serial: "kept" })
  })

  test("a read-only field that differs from the stored one is refused by name", async () => {
    const id = await newNote()
    const answer = await ada.put(`/v1/notes/${id}`, {
      body: { title: "new", ownerId: ADA, createdAt: "2020-01-01T00:00:00.000Z" },
    })
    expect(answer.status).toBe(422)
    expect(answer.body.errors).toMatchObject([{ pointer: "/createdAt", code: "read_only" }])
  })

  test("PUT makes a record that isn't there, and with If-None-Match only that", async () => {
    const path = "/v1/notes/0199aaaa-2222-7000-8000-000000000001"
    const made = await ada.put(path, {
      body: { title: "made", ownerId: ADA, source: "here" },
      headers: { "If-None-Match": "*" },
    })
    expect(made.status, made.text).toBe(201)
    expect(made.body).toMatchObject({ source: "here", stamped: ADA, version: 1 })
    expect(made.headers.get("Location")).toBe(path)
    expect(
      (await ada.put(path, { body: { title: "again", ownerId: ADA }, headers: { "If-None-Match": "*" } })).status,
    ).toBe(412)
    expect((await ada.put(path, { body: { title: "again", ownerId: ADA } })).status).toBe(200)
    const missing = "/v1/notes/0199aaaa-3333-7000-8000-000000000001"
    expect((await ada.put(missing, { body: { title: "x" }, headers: { "If-Match": "*" } })).status).toBe(412)
  })

  test("a hidden record is not found", async () => {
    const id = await newNote()
    expect((await bob.put(`/v1/notes/${id}`, { body: { title: "mine now" } })).status).toBe(404)
  })
})

describe("delete", () => {
  test("a deleted record is gone, and its change keeps the whole row", async () => {
    const id = await newNote({ rank: 4 })
    const seq = await scenario.lastSeq()
    expect((await ada.delete(`/v1/notes/${id}`, { headers: { "If-Match": '"2"' } })).status).toBe(412)
    const answer = await ada.delete(`/v1/notes/${id}`, { headers: { "If-Match": '"1"' } })
    expect([answer.status, answer.text]).toEqual([204, ""])
    expect((await ada.get(`/v1/notes/${id}`)).status).toBe(404)
    const [change, ...others] = await scenario.changes(seq)
    expect(others).toEqual([])
    expect(change).toMatchObject({ op: "delete", table_name: "notes", record_id: id, after: null })
    expect(Object.assign({}, ...[JSON.parse(change!.before!)].flat(2))).toMatchObject({ rank: 4, title: "a note" })
  })

  test("a record that others refer to stays", async () => {
    const team = await staff.post("/v1/teams", { body: { name: "team" } })
    await ada.post("/v1/projects", { body: { name: "p", ownerId: ADA, teamId: team.body.id } })
    const answer = await staff.delete(`/v1/teams/${team.body.id}`)
    expect(answer.body).toMatchObject({ status: 409, code: "still_referenced" })
  })
})
