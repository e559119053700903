import { env } from "cloudflare:workers"
import { anyone, collection, defineBackend, endpoint, nobody, type Router, role, signedIn } from "selvedge"
import { beforeAll, describe, expect, test } from "vitest"
import * as z from "zod"
import { backend as shop } from "../../app/backend.ts"
import { backend, collections } from "../fixture/backend.ts"
import { surprises } from "../fixture/conformance.ts"
import { type Answer, type Call, type Client, createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const ADA = "0199aaaa-0000-7000-8000-000000000071"

// biome-ignore lint/suspicious/noExplicitAny: the tests look into all of it
type Document = any

const documentOf = async (source: Parameters<typeof createScenario>[0]): Promise<Document> =>
  (await createScenario(source, env.FIXTURE).send("GET", "/openapi.json")).body

describe("the document of the shop", () => {
  const scenario = createScenario(shop, env.DB)
  let answer: Answer
  let document: Document

  beforeAll(async () => {
    answer = await scenario.send("GET", "/openapi.json")
    document = answer.body
  })

  test("is the same until the definitions change, and costs nothing when nothing has changed", async () => {
    expect(answer.status).toBe(200)
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(answer.headers.get("Content-Type")).toBe("application/json")
    expect(answer.headers.get("Cache-Control")).toBe("public, max-age=0, must-revalidate")
    const tag = answer.headers.get("ETag")!
    const again = await scenario.send("GET", "/openapi.json", { headers: { "If-None-Match": tag } })
    expect([again.status, again.text, again.headers.get("ETag")]).toEqual([304, "", tag])
    expect((await createScenario(shop, env.DB).send("GET", "/openapi.json")).text).toBe(answer.text)
    expect((await scenario.send("POST", "/openapi.json")).headers.get("Allow")).toBe("GET, HEAD, OPTIONS")
    expect(scenario.counted.statements).toBe(0)
  })

  test("has each operation that some caller may do, and none that only the service may", () => {
    const operations = Object.entries(document.paths as Record<string, object>).flatMap(([path, item]) =>
      Object.keys(item).flatMap((method) =>
        method === "parameters" || /^\/v1\/(auth|admin)\/|webauthn$/.test(path) ? [] : [`${method} ${path}`],
      ),
    )
    const whole = (name: string) => [
      ...["get", "post"].map((method) => `${method} /v1/${name}`),
      ...["get", "patch", "put", "delete"].map((method) => `${method} /v1/${name}/{id}`),
    ]
    expect(operations.toSorted()).toEqual(
      [
        ...["films", "directors", "reviews", "cart"].flatMap(whole),
        ...["orders", "orderItems"].flatMap((name) => [`get /v1/${name}`, `get /v1/${name}/{id}`]),
        "post /v1/checkout",
        "post /v1/payments/webhook",
        "post /v1/batch",
        "get /v1/live",
        "get /health",
        "get /health/ready",
        "get /.well-known/jwks.json",
        "get /openapi.json",
        "get /docs",
      ].toSorted(),
    )
  })

  test("says who may call", () => {
    const { paths } = document
    expect(paths["/v1/films"].get.security).toEqual([{}, { bearer: [] }])
    expect(paths["/v1/films"].post.security).toEqual([{ bearer: ["staff"] }, { bearer: ["admin"] }])
    expect(paths["/v1/reviews"].post.security).toEqual([{ bearer: [] }])
    expect(paths["/v1/cart"].get.security).toEqual([{ bearer: [] }])
    expect(paths["/v1/films"].get.responses).not.toHaveProperty("403")
    expect(paths["/v1/films"].post.responses).toHaveProperty("403")
    expect(paths["/v1/films"].get.responses).toHaveProperty("429")
    expect(paths["/health"].get.responses).not.toHaveProperty("429")
  })

  test("has the parameters of a list", () => {
    const parameters: { name?: string; schema: object }[] = document.paths["/v1/films"].get.parameters
    const named = (name: string) => parameters.find((parameter) => parameter.name === name)
    expect(parameters.flatMap(({ name }) => name ?? [])).toEqual([
      ...shop.collections.get("films")!.table.byKey.keys(),
      ...["filter", "q", "sort", "limit", "after", "before", "fields", "expand", "count", "aggregate", "group"],
    ])
    expect(named("rating")).toMatchObject({
      style: "deepObject",
      schema: { $ref: "#/components/schemas/NumberParameter" },
    })
    expect(named("sort")!.schema).toMatchObject({
      enum: expect.arrayContaining(["-rating,title", "rating,-title", "-createdAt", "createdAt"]),
    })
    expect(document.components.schemas.NumberParameter.anyOf[2].properties).toHaveProperty("gte")
  })

  test("says which lists can be followed as events, and what is said on a socket", () => {
    const events = Object.keys(document.paths).flatMap((path) =>
      document.paths[path].get?.responses[200]?.content?.["text/event-stream"] ? [path] : [],
    )
    const live = [...shop.collections.values()].filter((collection) => collection.live)
    expect(events.toSorted()).toEqual(live.map(({ name }) => `/v1/${name}`).toSorted())
    const following = Object.keys(document.paths).flatMap((path) =>
      JSON.stringify(document.paths[path].get?.parameters ?? []).includes("/lastEventId") ? [path] : [],
    )
    expect(following).toEqual(events)
    const { get } = document.paths["/v1/live"]
    expect(Object.keys(get.responses)).toEqual(["101", "400", "401", "403", "405", "426", "429", "500", "503"])
    for (const type of ["auth", "query", "join", "publish", "presence", "leave", "ready", "snapshot", "change", "ack"])
      expect(get.description).toContain(`{ "type": "${type}"`)
  })

  test("has what the shop's own route was told", () => {
    const { post } = document.paths["/v1/checkout"]
    expect(post).toMatchObject({ operationId: "postCheckout", summary: "Buy what is in the cart" })
    expect(post.parameters).toEqual([{ $ref: "#/components/parameters/idempotencyKeyRequired" }])
    expect(post.description).toContain("`out_of_stock`")
    expect(post.description).toContain("Strict: the session must still stand")
    expect(Object.keys(post.responses)).toEqual(expect.arrayContaining(["201", "401", "422", "428"]))
    expect(post.responses[201].content["application/json"].schema.properties.state).toMatchObject({ const: "pending" })
  })

  test("gives examples that lead to each other", () => {
    const film = document.paths["/v1/films/{id}"].get.responses[200].content["application/json"].example
    const director = document.paths["/v1/directors/{id}"].get.responses[200].content["application/json"].example
    expect(film).toMatchObject({ title: expect.any(String), directorId: director.id })
  })

  test("foretells what real requests get", async () => {
    await env.DB.prepare(
      "INSERT INTO _users (id, created_at, updated_at, version, email) VALUES (?1, 1, 1, 1, ?1) ON CONFLICT DO NOTHING",
    )
      .bind(ADA)
      .run()
    const staff = await scenario.as({ id: "0199cccc-0000-7000-8000-000000000073", roles: ["staff"] })
    const ada = await scenario.as({ id: ADA, session: true })
    const anonymous = await scenario.as("anonymous")
    const seen: string[] = []
    const faults: string[] = []
    const call = async (client: Client, method: keyof Client, path: string, options: Call = {}) => {
      const answer = await client[method](path, options)
      seen.push(`${method} ${answer.status}`)
      faults.push(...surprises(document, { method, path, body: options.body, answer }))
      return answer
    }
    const film = { title: "Stalker", priceCents: 999, stock: 2, year: 1979, rating: 8 }
    const { body: created, headers } = await call(staff, "post", "/v1/films", { body: film })
    const path = `/v1/films/${created.id}`
    const twice = { body: film, headers: { "Idempotency-Key": "openapi-1" } }
    await call(staff, "post", "/v1/films", twice)
    expect((await call(staff, "post", "/v1/films", twice)).headers.get("Idempotency-Replayed")).toBe("true")
    await call(anonymous, "get", path)
    await call(anonymous, "get", path, { headers: { "If-None-Match": headers.get("ETag")! } })
    await call(anonymous, "get", `${path}?fields=title,director.name&expand=reviews.author`)
    await call(anonymous, "get", "/v1/films/no-id")
    await call(staff, "patch", path, { body: { stock: 5 }, headers: { "If-Match": '"1"' } })
    await call(staff, "patch", path, { body: { stock: 6 }, headers: { "If-Match": '"1"' } })
    await call(staff, "patch", path, { body: "{", headers: { "Content-Type": "text/plain" } })
    await call(staff, "put", path, { body: { ...film, votes: 7 } })
    await call(staff, "put", "/v1/directors/0199aaaa-0000-7000-8000-0000000000d1", { body: { name: "Tarkovsky" } })
    await call(ada, "post", "/v1/films", { body: film })
    await call(anonymous, "post", "/v1/films", { body: film })
    const review = { filmId: created.id, stars: 5, body: "Slow." }
    const { body: own } = await call(ada, "post", "/v1/reviews", { body: review })
    await call(ada, "post", "/v1/reviews", { body: review })
    await call(ada, "post", "/v1/reviews", { body: { ...review, stars: 6, hidden: true } })
    await call(staff, "patch", `/v1/reviews/${own.id}`, { body: { hidden: true } })
    await call(ada, "patch", `/v1/reviews/${own.id}`, { body: { body: "Very slow." } })
    await call(
      anonymous,
      "get",
      "/v1/films?rating[gte]=8&year=1979&title[contains]=stalk&expand=director&count=exact&limit=1",
    )
    await call(anonymous, "get", `/v1/films?filter=${encodeURIComponent('{"director":{"name":"X"}}')}&sort=title`)
    await call(anonymous, "get", "/v1/films?q=stal&fields=id")
    await call(anonymous, "get", "/v1/films?aggregate=count,avg(rating),max(createdAt)&group=year,genre")
    await call(anonymous, "get", "/v1/films?limit=1000")
    await call(anonymous, "get", "/v1/cart")
    await call(ada, "get", "/v1/orders?expand=items")
    await call(ada, "post", "/v1/checkout", { body: {} })
    await call(ada, "post", "/v1/checkout", { body: {}, headers: { "Idempotency-Key": "openapi-2" } })
    await call(ada, "post", "/v1/cart", { body: { filmId: created.id, quantity: 1 } })
    await call(ada, "post", "/v1/checkout", { body: {}, headers: { "Idempotency-Key": "openapi-2" } })
    const operations = [{ method: "DELETE", path: `/v1/reviews/${own.id}` }]
    await call(ada, "post", "/v1/batch", { body: { operations } })
    await call(ada, "post", "/v1/batch", { body: { operations: [] } })
    await call(staff, "delete", path)
    await call(anonymous, "get", "/v1/films", { headers: { Authorization: "Bearer nonsense" } })
    for (const other of ["/health", "/health/ready", "/.well-known/jwks.json", "/openapi.json", "/docs"])
      await call(anonymous, "get", other)
    expect(faults).toEqual([])
    expect(new Set(seen.map((line) => line.split(" ")[1]))).toEqual(
      new Set(["200", "201", "304", "400", "401", "403", "404", "409", "412", "415", "422", "428"]),
    )
  })
})

describe("what a signed-in caller without a role may not see", () => {
  test("stands nowhere in the document: no field, filter, order or search", async () => {
    const document = await documentOf(backend)
    const paths = Object.entries(document.paths).filter(([path]) => !path.startsWith("/v1/admin"))
    expect(JSON.stringify({ ...document, paths })).not.toMatch(/secret|serial/)
    const { NotesSelection, NotesCreate, TeamsSelection } = document.components.schemas
    expect(Object.keys(TeamsSelection.properties)).toEqual([
      ...["id", "createdAt", "updatedAt", "version", "name"],
      "projects",
    ])
    expect(NotesSelection.properties).toMatchObject({ token: { readOnly: true }, stamped: { readOnly: true } })
    expect(NotesSelection.properties.score).not.toHaveProperty("readOnly")
    for (const key of ["token", "stamped", "createdAt", "version"])
      expect(NotesCreate.properties).not.toHaveProperty(key)
    expect(NotesCreate.properties.score.description).toContain("`staff`")
    expect(NotesCreate.required).toEqual(["title"])
  })

  test("includes collections that nobody may read", async () => {
    const document = await documentOf(
      defineBackend({
        tables,
        collections: {
          members: collection(tables.members, { access: { read: nobody, create: anyone } }),
          teams: collection(tables.teams, { access: {} }),
        },
      }),
    )
    expect(Object.keys(document.paths).filter((path) => /^\/v1\/(?!admin)/.test(path))).toEqual([
      "/v1/members",
      "/v1/members/{id}",
      "/v1/batch",
    ])
    expect(Object.keys(document.paths["/v1/members/{id}"])).toEqual(["parameters", "put"])
    expect(document.paths["/v1/members"].post.responses[201].content["application/json"].schema).toEqual({
      $ref: "#/components/schemas/Written",
    })
    expect(document.components.schemas).not.toHaveProperty("MembersRecord")
  })
})

describe("columns of every kind", () => {
  test("are described as they stand on the wire, with their bounds and defaults", async () => {
    const { NotesSelection, NotesCreate, NotesPatch, NotesFilter } = (await documentOf(backend)).components.schemas
    expect(NotesSelection.properties).toMatchObject({
      rank: { type: ["integer", "null"] },
      score: { type: ["number", "null"] },
      done: { type: "boolean" },
      dueAt: { type: ["string", "null"], format: "date-time" },
      big: { type: ["string", "null"] },
      data: { type: ["string", "null"], contentEncoding: "base64url" },
      mood: { type: ["string", "null"], enum: ["good", "bad", null] },
      project: { properties: { id: {}, name: {}, open: {} } },
    })
    expect(NotesCreate.properties).toMatchObject({
      title: { type: "string", minLength: 1, maxLength: 100 },
      done: { type: "boolean", default: false },
      tags: { type: ["array", "null"], maxItems: 20 },
    })
    expect(NotesPatch.properties.done).not.toHaveProperty("default")
    expect(NotesPatch.properties).not.toHaveProperty("source")
    expect(NotesFilter.properties).toMatchObject({
      tags: { $ref: "#/components/schemas/JsonCondition" },
      project: { $ref: "#/components/schemas/NotesFilterProject" },
    })
  })

  test("get answers that fit, from a merge patch to a filter over relations", async () => {
    const scenario = createScenario(backend, env.FIXTURE)
    const document = (await scenario.send("GET", "/openapi.json")).body
    const ada = await scenario.as({ id: ADA })
    const note = { title: "Fits", ownerId: ADA, big: "9007199254740993", data: "AAEC", tags: ["a", 1], mood: "good" }
    const created = await ada.post("/v1/notes", { body: { ...note, dueAt: "2026-01-31T12:00:00Z" } })
    expect(surprises(document, { method: "POST", path: "/v1/notes", body: note, answer: created })).toEqual([])
    const filter = encodeURIComponent('{"or":[{"tags":{"has":"a"}},{"project":{"open":true}}]}')
    const path = `/v1/notes?filter=${filter}&expand=project&sort=rank`
    const list = await ada.get(path)
    expect(list.body.data).not.toEqual([])
    expect(surprises(document, { method: "GET", path, answer: list })).toEqual([])
  })
})

describe("an application's own routes", () => {
  const tree: z.ZodType = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }))

  function routes(app: Router<typeof collections>) {
    const answer = { status: 200, description: "Done" } as const
    app.use("/v1/rooms/*", async (_, next) => next())
    app.post(
      "/v1/rooms/:room{[0-9]+}/messages",
      endpoint({ summary: "Says something", access: role("staff"), body: z.object({ text: z.string() }), answer }),
      (c) => c.json({}),
    )
    app.get(
      "/v1/rooms/:room",
      endpoint({
        summary: "A room",
        description: "With its members.",
        access: signedIn,
        query: z.object({ members: z.enum(["yes", "no"]), from: z.string().optional() }),
        answer: { ...answer, schema: tree },
      }),
      (c) => c.json({}),
    )
    app.get("/v1/plain", (c) => c.text("plain"))
  }

  test("are described by what endpoint() was told, and by their path alone without it", async () => {
    const { paths, components } = await documentOf(defineBackend({ tables, collections, routes }))
    expect(Object.keys(paths)).not.toContain("/v1/rooms/*")
    const messages = paths["/v1/rooms/{room}/messages"]
    expect(messages.parameters).toEqual([
      { name: "room", in: "path", required: true, schema: { type: "string", pattern: "^[0-9]+$" } },
    ])
    expect(messages.post).toMatchObject({
      operationId: "postRoomsByRoomMessages",
      summary: "Says something",
      security: [{ bearer: ["staff"] }],
      requestBody: { content: { "application/json": { schema: { properties: { text: { type: "string" } } } } } },
    })
    const room = paths["/v1/rooms/{room}"].get
    expect(room.parameters).toEqual([
      { name: "members", in: "query", required: true, schema: { type: "string", enum: ["yes", "no"] } },
      { name: "from", in: "query", schema: { type: "string" } },
    ])
    expect(Object.keys(room.responses)).toEqual(expect.arrayContaining(["400", "401", "404", "406"]))
    const { $ref } = room.responses[200].content["application/json"].schema
    expect(components.schemas[$ref.split("/").at(-1)].properties.children.items).toEqual({ $ref })
    expect(paths["/v1/plain"].get.responses).toEqual({ default: { description: "What the application answers." } })
  })
})

test("the reference page comes from its own origin alone", async () => {
  const page = await createScenario(shop, env.DB).send("GET", "/docs")
  expect(page.status).toBe(200)
  expect(page.headers.get("Content-Type")).toBe("text/html; charset=utf-8")
  const policy = page.headers.get("Content-Security-Policy")!
  expect(policy).toMatch(/^default-src 'none'; script-src 'self';/)
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval/)
  expect([...page.text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url)).toEqual([
    "data:,",
    "/openapi.json",
    "/vendor/api-reference.js",
    "/docs.js",
  ])
})
