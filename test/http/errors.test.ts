import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { backend } from "../fixture/backend.ts"
import { type Call, createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.FIXTURE)
const ADA = "0199aaaa-0000-7000-8000-000000000021"
const MISSING = "/v1/notes/0199aaaa-9999-7000-8000-000000000001"
const json = (body: string | Uint8Array, headers = {}): Call => ({ body, headers })

test.each<[string, "get" | "post" | "put" | "patch" | "delete", string, Call, number, string]>([
  ["unknown path", "get", "/v1/nothing", {}, 404, "not_found"],
  ["unknown path outside the API", "get", "/nothing", {}, 404, "not_found"],
  ["too long a path", "get", "/v1/notes/a/b", {}, 404, "not_found"],
  ["malformed id", "get", "/v1/notes/1", {}, 404, "not_found"],
  ["broken percent-encoding", "get", "/v1/notes/%ff%zz", {}, 404, "not_found"],
  ["missing record", "get", MISSING, {}, 404, "not_found"],
  ["other method of a collection", "put", "/v1/notes", {}, 405, "method_not_allowed"],
  ["other method of a record", "post", MISSING, {}, 405, "method_not_allowed"],
  ["other method of the batch", "get", "/v1/batch", {}, 405, "method_not_allowed"],
  ["other method of health", "post", "/health", {}, 405, "method_not_allowed"],
  ["no JSON wanted", "get", "/v1/notes", { headers: { Accept: "text/html" } }, 406, "not_acceptable"],
  [
    "JSON refused by weight",
    "get",
    "/v1/notes",
    { headers: { Accept: "application/json;q=0" } },
    406,
    "not_acceptable",
  ],
  ["no content type", "post", "/v1/notes", json("{}", { "Content-Type": "" }), 415, "unsupported_media_type"],
  [
    "form",
    "post",
    "/v1/notes",
    json("a=1", { "Content-Type": "application/x-www-form-urlencoded" }),
    415,
    "unsupported_media_type",
  ],
  [
    "other charset",
    "post",
    "/v1/notes",
    json("{}", { "Content-Type": "application/json; charset=latin1" }),
    415,
    "unsupported_media_type",
  ],
  [
    "merge patch on POST",
    "post",
    "/v1/notes",
    json("{}", { "Content-Type": "application/merge-patch+json" }),
    415,
    "unsupported_media_type",
  ],
  ["large body", "post", "/v1/notes", json(`{"title":"${"x".repeat(1024 * 1024)}"}`), 413, "payload_too_large"],
  [
    "large record",
    "post",
    "/v1/notes",
    json(`{"title":"x","body":"${"x".repeat(300 * 1024)}"}`),
    413,
    "payload_too_large",
  ],
  ["malformed JSON", "post", "/v1/notes", json("{"), 400, "invalid_json"],
  ["empty body", "post", "/v1/notes", json(""), 400, "invalid_json"],
  ["deep JSON", "post", "/v1/notes", json(`{"tags":${"[".repeat(50)}${"]".repeat(50)}}`), 400, "invalid_json"],
  ["very deep JSON", "post", "/v1/notes", json("[".repeat(100_000)), 400, "invalid_json"],
  ["body that is no object", "post", "/v1/notes", json("[]"), 422, "validation_failed"],
  ["U+0000 in text", "post", "/v1/notes", json('{"title":"a\\u0000b"}'), 422, "validation_failed"],
  ["half of a surrogate pair", "post", "/v1/notes", json('{"title":"\\ud800"}'), 422, "validation_failed"],
  ["id that is no UUID", "post", "/v1/notes", json('{"title":"a","id":"1"}'), 422, "validation_failed"],
  ["__proto__ as a field", "post", "/v1/notes", json('{"title":"a","__proto__":{"x":1}}'), 422, "validation_failed"],
  ["query on a write", "post", "/v1/notes?x=1", json("{}"), 400, "invalid_query"],
  ["unknown parameter", "get", "/v1/notes?x=1", {}, 400, "invalid_query"],
  ["unknown parameter of a record", "get", `${MISSING}?limit=1`, {}, 400, "invalid_query"],
  ["repeated parameter", "get", "/v1/notes?rank=1&rank=2", {}, 400, "invalid_query"],
  ["limit of 0", "get", "/v1/notes?limit=0", {}, 400, "invalid_query"],
  ["limit of 101", "get", "/v1/notes?limit=101", {}, 400, "invalid_query"],
  ["limit in words", "get", "/v1/notes?limit=ten", {}, 400, "invalid_query"],
  ["unknown order", "get", "/v1/notes?sort=body", {}, 400, "invalid_query"],
  ["unknown count", "get", "/v1/notes?count=yes", {}, 400, "invalid_query"],
  ["filter that is not JSON", "get", "/v1/notes?filter={", {}, 400, "invalid_query"],
  ["filter that is a list", "get", "/v1/notes?filter=[]", {}, 400, "invalid_query"],
  ["unknown operator", "get", "/v1/notes?rank[like]=1", {}, 400, "invalid_query"],
  ["number that is none", "get", "/v1/notes?rank=one", {}, 400, "invalid_query"],
  ["order of null", "get", '/v1/notes?filter={"rank":{"gt":null}}', {}, 400, "invalid_query"],
  ["malformed If-Match", "patch", MISSING, json("{}", { "If-Match": "1" }), 400, "invalid_header"],
  ["If-None-Match on a write", "patch", MISSING, json("{}", { "If-None-Match": '"1"' }), 400, "invalid_header"],
])("%s", async (_name, method, path, call, status, code) => {
  const ada = await scenario.as({ id: ADA })
  const answer = await ada[method](path, call)
  expect(answer.body, answer.text).toMatchObject({
    status,
    code,
    type: `https://selvedge.dev/problems/${code.replaceAll("_", "-")}`,
    requestId: answer.headers.get("X-Request-Id"),
  })
  expect(answer.status).toBe(status)
  expect(answer.headers.get("Content-Type")).toBe("application/problem+json")
})

test.each(["/health", "/health/ready", "/openapi.json", "/docs", "/.well-known/jwks.json"])(
  "%s names the parameters that it doesn't have",
  async (path) => {
    for (const query of ["?verbose=1", "?a=1&a=2", "?%61"]) {
      const answer = await scenario.send("GET", path + query)
      expect(answer.body).toMatchObject({ status: 400, code: "invalid_query" })
      expect(answer.body.errors[0].parameter).toBe(query.startsWith("?v") ? "verbose" : "a")
    }
    expect((await scenario.send("HEAD", `${path}?x=1`)).status).toBe(400)
    expect((await scenario.send("POST", `${path}?x=1`)).status).toBe(405)
    expect((await scenario.send("GET", `${path}?`)).status).toBe(200)
  },
)

test("a body that is not UTF-8 is refused", async () => {
  const ada = await scenario.as({ id: ADA })
  const answer = await ada.post("/v1/notes", { body: Uint8Array.from([0x7b, 0xff, 0x7d]) })
  expect(answer.body.code).toBe("invalid_json")
})

test("the bounds of a filter are named", async () => {
  const ada = await scenario.as({ id: ADA })
  const filter = async (input: unknown) =>
    (await ada.get(`/v1/notes?filter=${encodeURIComponent(JSON.stringify(input))}`)).body.detail
  const nest = (depth: number): object => (depth === 0 ? { rank: 1 } : { not: nest(depth - 1) })
  expect(await filter(nest(8))).toMatch(/deeper than 8 levels/)
  expect(await filter({ or: Array.from({ length: 51 }, () => ({ rank: 1 })) })).toMatch(/more than 50 conditions/)
  expect(await filter({ rank: { in: Array.from({ length: 1_001 }, (_, i) => i) } })).toMatch(/more than 1000 values/)
  const through = (depth: number): object => (depth === 0 ? {} : { notes: { some: { project: through(depth - 1) } } })
  const projects = await ada.get(`/v1/projects?filter=${encodeURIComponent(JSON.stringify(through(2)))}`)
  expect(projects.status).toBe(400)
})

test("what stands for nobody in rules is as little a value as any other text with U+0000", async () => {
  const anonymous = await scenario.as("anonymous")
  const simple = ["eq", "ne", "gt", "lte", "in", "notIn", "contains", "startsWith"].map(
    (op) => `title[${op}]=%00nobody`,
  )
  const filters = [
    { title: "\u0000nobody" },
    { title: { notIn: ["a", "\u0000nobody"] } },
    { tags: { has: "\u0000nobody" } },
    { rank: { ne: "\u0000nobody" } },
    { not: { or: [{ rank: 1 }, { project: { name: { ne: "\u0000nobody" } } }] } },
  ].map((filter) => `filter=${encodeURIComponent(JSON.stringify(filter))}`)
  const lists = [...simple, "tags[has]=%00nobody", "title[in]=a,%00nobody", ...filters]
  for (const query of [...lists, ...lists.map((list) => `aggregate=count&${list}`)]) {
    const answer = await anonymous.get(`/v1/notes?${query}`)
    expect([answer.status, answer.body.code], query).toEqual([400, "invalid_query"])
    expect(answer.body.detail, query).toMatch(/must not contain U\+0000/)
  }
  expect((await anonymous.get("/v1/notes?title=%5Cu0000nobody")).status).toBe(200)
})

test("a caller who may do nothing here is told so before anything else is looked at", async () => {
  const [anonymous, ada] = [await scenario.as("anonymous"), await scenario.as({ id: ADA })]
  const call = json("{", { "Content-Type": "text/plain" })
  const refused = await anonymous.post("/v1/teams", call)
  expect([refused.status, refused.headers.get("WWW-Authenticate")]).toEqual([401, 'Bearer realm="selvedge"'])
  expect((await ada.post("/v1/teams", call)).status).toBe(403)
  expect((await ada.delete("/v1/members/nonsense")).status).toBe(403)
  expect((await anonymous.get("/v1/teams?x=1")).status).toBe(401)
})

test("every answer carries the common headers", async () => {
  const anonymous = await scenario.as("anonymous")
  for (const path of ["/health", "/v1/notes", "/v1/nothing", "/v1/teams", "/health/ready", "/.well-known/jwks.json"]) {
    const { headers } = await anonymous.get(path, { headers: { "X-Request-Id": "my-id" } })
    expect(headers.get("X-Request-Id")).toBe("my-id")
    expect(headers.get("Cache-Control"), path).toBeTruthy()
    expect(headers.get("Vary")).toContain("Authorization")
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff")
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'")
  }
})

test("a failure inside says nothing to the caller and everything to the log", async () => {
  const broken = createScenario(
    backend,
    new Proxy(env.FIXTURE, {
      get: () => () => ({
        prepare: () => {
          throw new Error("the disk is on fire")
        },
      }),
    }),
  )
  const anonymous = await broken.as("anonymous")
  const answer = await anonymous.get("/v1/notes")
  expect([answer.status, answer.body.code]).toEqual([500, "internal"])
  expect(answer.text).not.toContain("fire")
  expect(JSON.stringify(broken.logged)).toContain("the disk is on fire")
})

test.each([
  ["anonymous", "get", "/v1/notes"],
  ["service", "get", "/v1/admin/stats"],
  ["service", "post", "/v1/admin/jobs/x/cancel"],
] as const)("a busy database is 503 with Retry-After to %s (%s %s)", async (who, method, path) => {
  let isBusy = false
  const fail = () => Promise.reject(new Error("D1_ERROR: D1 DB is overloaded. Requests queued for too long."))
  const statement = { bind: () => statement, all: fail, run: fail, raw: fail, first: fail }
  const session = { prepare: () => statement, batch: fail, getBookmark: () => null }
  const d1 = new Proxy(env.FIXTURE, {
    get: (target, name) => (isBusy ? () => session : Reflect.get(target, name).bind(target)),
  })
  const client = await createScenario(backend, d1).as(who)
  isBusy = true
  const answer = await client[method](path)
  expect([answer.status, answer.body.code]).toEqual([503, "overloaded"])
  expect(answer.headers.get("Retry-After")).toMatch(/^[123]$/)
})

test("one line of the log says who asked what, and what it cost", async () => {
  const ada = await scenario.as({ id: ADA })
  await ada.get("/v1/notes?limit=1", {
    headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  })
  expect(scenario.logged.at(-1)).toEqual({
    level: "info",
    event: "request",
    requestId: expect.any(String),
    trace: "0af7651916cd43dd8448eb211c80319c",
    method: "GET",
    route: "/v1/notes",
    status: 200,
    durationMs: expect.any(Number),
    caller: "user",
    callerId: ADA,
    trips: 1,
    statements: 1,
    rowsRead: expect.any(Number),
    rowsWritten: 0,
    limiterCalls: 0,
    kvReads: 0,
    kvWrites: 0,
  })
})
