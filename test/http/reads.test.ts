import { env } from "cloudflare:workers"
import { beforeAll, describe, expect, test } from "vitest"
import { backend } from "../fixture/backend.ts"
import { type Answer, type Client, createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.FIXTURE)
const ADA = "0199aaaa-0000-7000-8000-000000000011"
const BOB = "0199bbbb-0000-7000-8000-000000000012"

let ada: Client
let bob: Client
let staff: Client
let service: Client
let anonymous: Client
const project: Record<string, string> = {}

beforeAll(async () => {
  ada = await scenario.as({ id: ADA })
  bob = await scenario.as({ id: BOB })
  staff = await scenario.as({ id: "0199cccc-0000-7000-8000-000000000013", roles: ["staff"] })
  service = await scenario.as("service")
  anonymous = await scenario.as("anonymous")
  await env.FIXTURE.prepare("DELETE FROM notes").run()
  for (const [id, name] of [
    [ADA, "Ada"],
    [BOB, "Bob"],
  ]) {
    await env.FIXTURE.prepare(
      "INSERT INTO _users (id, created_at, updated_at, version, email, name) VALUES (?, 1, 1, 1, ?, ?) ON CONFLICT DO NOTHING",
    )
      .bind(id, `${name}2@example.com`, name)
      .run()
  }
  for (const [name, open] of [
    ["open", true],
    ["closed", false],
  ] as const) {
    project[name] = ok(await bob.post("/v1/projects", { body: { name, open, ownerId: BOB } })).body.id
    await service.post("/v1/members", { body: { projectId: project[name], userId: BOB } })
  }
  const notes = [
    {
      title: "Blade Runner",
      body: "a café in the rain",
      rank: 3,
      dueAt: "2026-01-01T00:00:00.000Z",
      tags: ["sf", 1, true],
      big: "9007199254740993",
    },
    { title: "The Blade", body: null, rank: null, done: true, tags: ["1"], projectId: project.open },
    { title: "Amélie", body: "CAFÉ", rank: 1, mood: "good", projectId: project.closed },
    { title: "50% off_", rank: 2, seenAt: "2026-01-01T00:00:00.000Z", data: "AAEC" },
  ]
  for (const note of notes) ok(await service.post("/v1/notes", { body: { ownerId: ADA, ...note } }))
  ok(
    await service.post("/v1/notes", { body: { title: "of Bob", ownerId: BOB, rank: 9, secret: "blade", serial: "7" } }),
  )
})

function ok(answer: Answer): Answer {
  expect(answer.status, answer.text).toBeLessThan(300)
  return answer
}

const titles = async (client: Client, query: string) =>
  ok(await client.get(`/v1/notes?${query}`)).body.data.map((note: { title: string }) => note.title)

describe("filters", () => {
  test.each([
    ["rank=3", ["Blade Runner"]],
    ["rank[gte]=2&rank[lt]=3", ["50% off_"]],
    ["rank[gt]=1.5&sort=rank", ["50% off_", "Blade Runner"]],
    ["rank=null", ["The Blade"]],
    ["rank[ne]=null&sort=rank&limit=1", ["Amélie"]],
    ["rank[ne]=3&sort=rank", ["The Blade", "Amélie", "50% off_"]],
    ["rank[in]=1,3&sort=rank", ["Amélie", "Blade Runner"]],
    ["rank[notIn]=1,3&sort=rank", ["The Blade", "50% off_"]],
    ["title[contains]=blade&sort=rank", ["The Blade", "Blade Runner"]],
    ["title[startsWith]=50%25", ["50% off_"]],
    ["done=true", ["The Blade"]],
    ["dueAt[lte]=2026-01-01T01:00:00%2B01:00", ["Blade Runner"]],
    ["seenAt=2026-01-01T00:00:00Z", ["50% off_"]],
    ["big[gt]=9007199254740992", ["Blade Runner"]],
    ["tags[has]=sf", ["Blade Runner"]],
    ['filter={"tags":{"has":1}}', ["Blade Runner"]],
    ['filter={"tags":{"has":"1"}}', ["The Blade"]],
    ['filter={"tags":{"has":true}}', ["Blade Runner"]],
    ["data=AAEC", ["50% off_"]],
    ["mood=good", ["Amélie"]],
    ['filter={"or":[{"rank":1},{"not":{"rank":{"lt":3}}}]}&sort=rank', ["The Blade", "Amélie", "Blade Runner"]],
    ['filter={"and":[],"or":[{"rank":2}]}', ["50% off_"]],
  ])("%s", async (query, expected) => {
    expect(await titles(ada, query)).toEqual(expected)
  })

  test("a filter through a relation sees only what the caller may read there, and only its declared fields", async () => {
    expect(await titles(ada, 'filter={"project":{"name":"open"}}')).toEqual(["The Blade"])
    expect(await titles(ada, 'filter={"project":{"name":"closed"}}')).toEqual([])
    expect(await titles(bob, 'filter={"project":{"name":"closed"}}')).toEqual(["Amélie"])
    expect((await ada.get('/v1/notes?filter={"project":{"ownerId":"x"}}')).status).toBe(400)
    const projects = ok(
      await bob.get('/v1/projects?filter={"notes":{"some":{"title":{"contains":"blade"}}},"members":{"every":{}}}'),
    ).body.data
    expect(projects.map((found: { name: string }) => found.name)).toEqual(["open"])
    const none = ok(await bob.get('/v1/projects?filter={"notes":{"none":{}}}')).body.data
    expect(none).toEqual([])
  })

  test("a hidden field is refused in the words that an unknown one is refused in", async () => {
    const texts = async (name: string) => {
      const queries = [
        `${name}=x`,
        `filter={"${name}":1}`,
        `sort=${name}`,
        `fields=${name}`,
        `aggregate=count&group=${name}`,
        `aggregate=min(${name})`,
      ]
      const answers = await Promise.all(queries.map((query) => ada.get(`/v1/notes?${query}`)))
      return answers.map(({ status, body }) => [status, body.detail.replaceAll(name, "NAME")])
    }
    expect(await texts("secret")).toEqual(await texts("nonsense"))
    expect(await texts("serial")).toEqual(await texts("nonsense"))
    expect((await staff.get("/v1/notes?serial=7")).status).toBe(200)
  })
})

describe("pages", () => {
  test("nulls and ties are walked in both directions", async () => {
    for (const sort of [
      "rank,title",
      "-rank,-title",
      "dueAt,-rank",
      "-dueAt,rank",
      "-createdAt",
      "createdAt",
      "-score,title",
    ]) {
      const whole = await titles(ada, `sort=${sort}`)
      const walked: string[] = []
      const pages: Answer[] = []
      for (let next: string | null = ""; next !== null; ) {
        const page = ok(await ada.get(`/v1/notes?sort=${sort}&limit=2${next && `&after=${next}`}`))
        pages.push(page)
        walked.push(...page.body.data.map((note: { title: string }) => note.title))
        next = page.body.page.next
      }
      expect(walked, sort).toEqual(whole)
      const back = ok(await ada.get(`/v1/notes?sort=${sort}&limit=2&before=${pages[1]!.body.page.previous}`))
      expect(back.body.data, sort).toEqual(pages[0]!.body.data)
      expect(back.body.page.previous).toBeNull()
    }
  })

  test("Link leads to the neighbours", async () => {
    const first = ok(await ada.get("/v1/notes?sort=rank&limit=2&rank[gte]=1"))
    const link = /^<([^>]+)>; rel="next"$/.exec(first.headers.get("Link")!)
    const second = ok(await ada.get(link![1]!))
    expect(second.body.data[0].title).toBe("Blade Runner")
    expect(second.headers.get("Link")).toMatch(/rel="prev"$/)
  })

  test("a cursor that doesn't fit is refused", async () => {
    const { next } = ok(await ada.get("/v1/notes?sort=rank&limit=1")).body.page
    for (const query of [
      `sort=-rank&after=${next}`,
      `sort=rank&rank=1&after=${next}`,
      "after=nonsense",
      `sort=rank&after=${next}&before=${next}`,
      "after=",
    ]) {
      expect((await ada.get(`/v1/notes?${query}`)).body.code, query).toBe("invalid_query")
    }
  })

  test("count=exact counts what the caller may see, whatever the page", async () => {
    expect(ok(await ada.get("/v1/notes?count=exact&limit=1")).body.page.total).toBe(4)
    expect(ok(await anonymous.get("/v1/notes?count=exact")).body.page.total).toBe(1)
  })
})

describe("what an answer holds", () => {
  test("fields are exactly these, on both levels", async () => {
    const [note] = ok(await ada.get("/v1/notes?rank=null&fields=title,project.name")).body.data
    expect(note).toEqual({ title: "The Blade", project: { name: "open" } })
    const [found] = ok(await bob.get("/v1/projects?name=open&fields=notes.project.name")).body.data
    expect(found).toEqual({ notes: [{ project: { name: "open" } }] })
  })

  test("a relation is shown under its own rule", async () => {
    const [note] = ok(await ada.get("/v1/notes?title=Am%C3%A9lie&expand=project&fields=title")).body.data
    expect(note).toEqual({ title: "Amélie", project: null })
    const { body } = ok(await bob.get(`/v1/projects/${project.open}?expand=owner,members.project,notes`))
    expect(body.owner).toEqual({ id: BOB, name: "Bob" })
    expect(body.members).toMatchObject([{ userId: BOB, project: { name: "open" } }])
    expect(body.notes).toHaveLength(1)
  })

  test.each([
    "expand=nothing",
    "expand=project.notes.project",
    "fields=title,,rank",
    "expand=",
    "fields=nothing",
    "expand=project.owner",
  ])("%s is refused", async (query) => {
    expect((await ada.get(`/v1/notes?${query}`)).status).toBe(400)
  })

  test("a read is one statement, whatever it holds", async () => {
    for (const path of [
      "/v1/notes?expand=project&count=exact&sort=-score,title",
      `/v1/projects/${project.open}?expand=owner,team,members.project,notes.project`,
      "/v1/notes?q=blade",
      "/v1/notes?aggregate=count,avg(rank)&group=mood",
    ]) {
      scenario.counted.trips = scenario.counted.statements = 0
      ok(await bob.get(path))
      expect(scenario.counted, path).toEqual({ trips: 1, statements: 1 })
    }
  })
})

describe("search", () => {
  test.each([
    ["blade", ["The Blade", "Blade Runner"]],
    ["blade run", ["Blade Runner"]],
    ["cafe", ["Amélie", "Blade Runner"]],
    ["AMÉLIE", ["Amélie"]],
  ])("%s", async (typed, expected) => {
    expect((await titles(ada, `q=${encodeURIComponent(typed)}`)).sort()).toEqual([...expected].sort())
  })

  test("what begins with the words stands before what holds them; sort overrules", async () => {
    expect(await titles(ada, "q=blade")).toEqual(["Blade Runner", "The Blade"])
    expect(await titles(ada, "q=blade&sort=rank")).toEqual(["The Blade", "Blade Runner"])
    const first = ok(await ada.get("/v1/notes?q=blade&limit=1"))
    expect(await titles(ada, `q=blade&limit=1&after=${first.body.page.next}`)).toEqual(["The Blade"])
  })

  test.each([
    "",
    '"',
    "c++",
    "e-mail",
    "col:x",
    "''",
    "*",
    "NEAR(a b)",
    "\u0000",
    "🎬",
    "a AND",
    "^x",
    "-",
    "(",
    "title : x",
  ])("%j is safe", async (typed) => {
    expect((await ada.get(`/v1/notes?q=${encodeURIComponent(typed)}`)).status).toBe(200)
  })

  test("a hidden column is not searched", async () => {
    await service.post("/v1/teams", { body: { name: "visible", secret: "treasure" } })
    expect(ok(await ada.get("/v1/teams?q=treasure")).body.data).toEqual([])
    expect(ok(await staff.get("/v1/teams?q=treasure")).body.data).toHaveLength(1)
  })

  test("a collection without search has no q", async () => {
    expect((await bob.get("/v1/projects?q=x")).status).toBe(400)
  })
})

describe("aggregates", () => {
  test("groups stand by frequency, then by key", async () => {
    const { data } = ok(
      await ada.get("/v1/notes?aggregate=count,sum(rank),avg(rank),min(title),max(dueAt)&group=done"),
    ).body
    expect(data).toEqual([
      {
        group: { done: false },
        count: 3,
        sum: { rank: 6 },
        avg: { rank: 2 },
        min: { title: "50% off_" },
        max: { dueAt: "2026-01-01T00:00:00.000Z" },
      },
      {
        group: { done: true },
        count: 1,
        sum: { rank: 0 },
        avg: { rank: null },
        min: { title: "The Blade" },
        max: { dueAt: null },
      },
    ])
  })

  test("without a group there is one row, and filters and search narrow it", async () => {
    expect(ok(await ada.get("/v1/notes?aggregate=count&rank[gte]=2")).body.data).toEqual([{ group: {}, count: 2 }])
    expect(ok(await ada.get("/v1/notes?aggregate=count&q=blade")).body.data).toEqual([{ group: {}, count: 2 }])
  })

  test.each([
    "aggregate=count&sort=rank",
    "group=done",
    "aggregate=sum(title)",
    "aggregate=median(rank)",
    "aggregate=count&group=tags",
    "aggregate=count,count",
    "aggregate=count&limit=1001",
  ])("%s is refused", async (query) => {
    expect((await ada.get(`/v1/notes?${query}`)).body.code).toBe("invalid_query")
  })
})

describe("validators and freshness", () => {
  test("a record's tag is its version, and a match answers 304 after access was checked", async () => {
    const [{ id }] = ok(await ada.get("/v1/notes?rank=3")).body.data
    const whole = ok(await ada.get(`/v1/notes/${id}`))
    expect(whole.headers.get("ETag")).toBe(`"${whole.body.version}"`)
    const again = await ada.get(`/v1/notes/${id}`, { headers: { "If-None-Match": `"0", W/"${whole.body.version}"` } })
    expect([again.status, again.text]).toEqual([304, ""])
    expect((await bob.get(`/v1/notes/${id}`, { headers: { "If-None-Match": '"1"' } })).status).toBe(404)
    const part = ok(await ada.get(`/v1/notes/${id}?fields=title`))
    expect(part.headers.get("ETag")).toMatch(/^W\/"/)
  })

  test("a list's tag follows its body", async () => {
    const first = ok(await ada.get("/v1/notes?sort=rank"))
    const tag = first.headers.get("ETag")!
    expect(tag).toMatch(/^W\/"/)
    expect((await ada.get("/v1/notes?sort=rank", { headers: { "If-None-Match": tag } })).status).toBe(304)
    ok(await ada.patch(`/v1/notes/${first.body.data[0].id}`, { body: { body: "other" } }))
    expect((await ada.get("/v1/notes?sort=rank", { headers: { "If-None-Match": tag } })).status).toBe(200)
  })

  test("HEAD answers as GET does, without the body", async () => {
    const [get, head] = [ok(await ada.get("/v1/notes")), await ada.head("/v1/notes")]
    expect([head.status, head.text, head.headers.get("ETag")]).toEqual([200, "", get.headers.get("ETag")])
  })

  test("a refused write and a repeated one carry a bookmark too", async () => {
    const bookmark = ok(await ada.get("/v1/notes")).headers.get("Selvedge-Bookmark")!
    const headers = { "Selvedge-Bookmark": bookmark, "Idempotency-Key": "bookmarked" }
    const refused = await ada.patch("/v1/notes/0199aaaa-9999-7000-8000-000000000001", { body: {}, headers })
    expect(refused.headers.get("Selvedge-Bookmark")!.slice(0, 49)).toBe(bookmark.slice(0, 49))
    const send = () => ada.post("/v1/notes", { body: { title: "bookmarked" }, headers })
    const [first, again] = [ok(await send()), ok(await send())]
    expect(again.headers.get("Selvedge-Bookmark")! >= first.headers.get("Selvedge-Bookmark")!).toBe(true)
  })

  test("bookmarks grow with writes, and whatever is sent as one is survived", async () => {
    const before = ok(await ada.get("/v1/notes")).headers.get("Selvedge-Bookmark")!
    const written = ok(await ada.post("/v1/notes", { body: { title: "z" } })).headers.get("Selvedge-Bookmark")!
    expect(before).toMatch(/^[0-9a-f]{32}\.\d{16}\./)
    expect(written > before).toBe(true)
    for (const bookmark of [written, before, "nonsense", `${"0".repeat(32)}.${"9".repeat(16)}.x`, ""]) {
      const read = ok(await ada.get("/v1/notes", { headers: { "Selvedge-Bookmark": bookmark } })).headers.get(
        "Selvedge-Bookmark",
      )!
      expect(read >= written, bookmark).toBe(true)
    }
  })
})
