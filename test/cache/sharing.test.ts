/** Who is given what others were given. */

import { env } from "cloudflare:workers"
import { anyone, signedIn } from "selvedge"
import { beforeEach, expect, test } from "vitest"
import { createKey } from "../../src/auth/keys.ts"
import type { Answer, Client, Scenario } from "../fixture/scenario.ts"
import { ADA, BEN, backendWith, createSetting, isKept, type Setting, staff } from "./setting.ts"

let setting: Setting
let isolate: Scenario
let anonymous: Client
let ada: Client
let member: Client

beforeEach(async () => {
  await env.FIXTURE.batch(
    ["notes", "members", "projects", "teams"].map((table) => env.FIXTURE.prepare(`DELETE FROM ${table}`)),
  )
  setting = createSetting()
  isolate = setting.isolate()
  anonymous = await isolate.as("anonymous")
  ada = await isolate.as({ id: ADA })
  member = await isolate.as({ id: BEN, roles: ["staff"] })
})

/** Asks until the answer is in KV, if it is ever kept. */
async function askOften(client: Client, path: string): Promise<Answer> {
  for (let i = 0; i < 2; i++) await client.get(path)
  await isolate.settled()
  return client.get(path)
}

async function keptInKv(): Promise<string[]> {
  return [...(await setting.kv.values())].flatMap(([name, value]) => (name.startsWith("answer:") ? [value] : []))
}

test("what everybody sees is shared by all who see it, and is the same for each", async () => {
  await anonymous.post("/v1/projects", { body: { name: "Red" } })
  const first = await anonymous.get("/v1/projects")
  for (const client of [anonymous, ada, member, await isolate.as("service")]) {
    const { trips } = isolate.counted
    const again = await client.get("/v1/projects")
    expect([again.text, again.status, isKept(again)]).toEqual([first.text, 200, true])
    expect(isolate.counted.trips).toBe(trips)
  }
})

test("whoever sees a field that others don't is answered by the database, and its answer isn't kept", async () => {
  await (await isolate.as("service")).post("/v1/teams", { body: { name: "Red", secret: "hush" } })
  await askOften(anonymous, "/v1/teams")
  for (const client of [member, await isolate.as("service")]) {
    const seen = await askOften(client, "/v1/teams")
    expect(seen.body.data[0].secret).toBe("hush")
    expect(seen.headers.get("Cache-Control")).toBe("private, no-store")
    expect(seen.headers.has("Cache-Status")).toBe(false)
  }
  const shared = await anonymous.get("/v1/teams")
  expect(isKept(shared)).toBe(true)
  expect(shared.text).not.toContain("secret")
  expect(await keptInKv()).toHaveLength(1)
  expect((await keptInKv()).join()).not.toContain("hush")
})

const PRIVATE = [
  "/v1/projects?expand=notes",
  "/v1/projects?fields=id,notes.title",
  "/v1/projects?expand=members",
  "/v1/teams?expand=projects.notes",
  '/v1/projects?filter={"notes":{"none":{"title":"x"}}}',
  '/v1/projects?filter={"or":[{},{"notes":{"some":{}}}]}',
  '/v1/teams?filter={"projects":{"none":{"members":{"some":{}}}}}',
  '/v1/projects?aggregate=count&filter={"members":{"none":{}}}',
]
test.each(PRIVATE)("an answer that is made of what only some may see is kept nowhere: %s", async (path) => {
  const service = await isolate.as("service")
  const team = await service.post("/v1/teams", { body: { name: "Red" } })
  const project = await service.post("/v1/projects", { body: { name: "One", teamId: team.body.id } })
  await service.post("/v1/notes", { body: { title: "mine", ownerId: ADA, projectId: project.body.id } })
  await service.post("/v1/members", { body: { userId: ADA, projectId: project.body.id } })
  for (const client of [anonymous, ada, member, anonymous]) {
    const answer = await askOften(client, path)
    const own = await (client === anonymous ? setting.isolate().as("anonymous") : client)
    expect(answer.text).toBe((await own.get(path)).text)
    expect([answer.status, isKept(answer)]).toEqual([200, false])
    expect(answer.headers.get("Cache-Control")).toBe("private, no-store")
  }
  expect(await keptInKv()).toEqual([])
})

test("a filter that comes to nothing for some is answered anew for those for whom it doesn't", async () => {
  const project = await anonymous.post("/v1/projects", { body: { name: "One" } })
  await anonymous.post("/v1/members", { body: { userId: BEN, projectId: project.body.id } })
  const path = '/v1/projects?filter={"members":{"none":{}}}'
  expect((await askOften(anonymous, path)).body.data).toHaveLength(1)
  expect((await ada.get(path)).body.data).toHaveLength(0)
})

test("a relation or field that is hidden from some is refused to them, though others' answers are kept", async () => {
  const backend = backendWith({ readMembers: anyone, seeUsers: staff })
  isolate = setting.isolate({ backend })
  const path = `/v1/projects?filter={"or":[{},{"members":{"some":{"userId":"${ADA}"}}}]}`
  expect((await askOften(await isolate.as({ id: BEN, roles: ["staff"] }), path)).status).toBe(200)
  expect((await (await isolate.as("anonymous")).get(path)).status).toBe(400)
  expect((await (await isolate.as({ id: ADA })).get(path)).status).toBe(400)
})

test("an API key is given what is kept where its scopes let it read, and nothing where they don't", async () => {
  await env.FIXTURE.prepare(
    "INSERT OR IGNORE INTO _users (id, email, created_at, updated_at, version) VALUES (?, 'ada@example.com', 1, 1, 1)",
  )
    .bind(ADA)
    .run()
  const withScopes = async (...scopes: string[]) => {
    const { key, hash, prefix } = createKey("api")
    await env.FIXTURE.prepare(
      "INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at) VALUES (?, ?, ?, 'api', ?, 'k', ?, 1)",
    )
      .bind(crypto.randomUUID(), hash, prefix, ADA, JSON.stringify(scopes))
      .run()
    return (path: string) => isolate.send("GET", path, { headers: { Authorization: `Bearer ${key}` } })
  }
  const path = "/v1/projects?expand=team"
  await askOften(anonymous, path)
  const [both, one, other] = [
    await withScopes("projects:read", "teams:read"),
    await withScopes("projects:read"),
    await withScopes("projects:create"),
  ]
  expect(isKept(await both(path))).toBe(true)
  const narrow = await one(path)
  expect([narrow.status, isKept(narrow)]).toEqual([200, false])
  expect((await other(path)).status).toBe(403)
})

test("a deploy that changes what may be seen serves nothing of before, out of the same KV", async () => {
  isolate = setting.isolate({ backend: backendWith({ readMembers: anyone }) })
  const before = await isolate.as("anonymous")
  const project = await before.post("/v1/projects", { body: { name: "One" } })
  await before.post("/v1/members", { body: { userId: BEN, projectId: project.body.id } })
  const path = "/v1/projects?expand=members"
  expect((await askOften(before, path)).text).toContain(BEN)
  expect(await keptInKv()).toHaveLength(1)
  const deploys = [
    backendWith({ readMembers: signedIn }),
    backendWith({ readMembers: anyone, seeUsers: staff }),
    backendWith({ readMembers: staff }),
  ]
  for (const backend of deploys) {
    const after = await (await setting.isolate({ backend }).as("anonymous")).get(path)
    expect(after.status).toBe(200)
    expect(after.text).not.toContain(BEN)
  }
})

test("questions that mean the same share an answer; others never do", async () => {
  for (const name of ["Blue", "Red"]) await anonymous.post("/v1/projects", { body: { name } })
  const id = (await anonymous.get("/v1/projects?sort=name")).body.data[0].id
  const paths = [
    "/v1/projects?sort=-name",
    "/v1/projects?sort=name&limit=1",
    "/v1/projects?name=Red",
    "/v1/projects?name[ne]=Red",
    "/v1/projects?count=exact",
    "/v1/projects?fields=id",
    "/v1/projects?aggregate=count",
    "/v1/teams",
    `/v1/projects/${id}`,
    `/v1/projects/${id}?fields=id`,
  ]
  const texts = new Set<string>()
  for (const path of paths) texts.add((await anonymous.get(path)).text)
  expect(texts.size).toBe(paths.length)
  const same = ["/v1/projects?limit=1&sort=name", "/v1/projects?sort=n%61me&limit=%31"]
  for (const path of same) expect(isKept(await anonymous.get(path)), path).toBe(true)
  const encoded = await anonymous.get(`/v1/projects/%${id.charCodeAt(0).toString(16)}${id.slice(1)}`)
  expect(encoded.text).toBe((await anonymous.get(`/v1/projects/${id}`)).text)
})

test("refusals are never kept", async () => {
  const id = crypto.randomUUID()
  const paths = [
    `/v1/projects/${id}`,
    "/v1/projects?__proto__=1",
    "/v1/projects/",
    "/v1/projects?limit=0",
    "/v1/projects?%ff=1",
  ]
  for (const path of paths) {
    const refused = await askOften(anonymous, path)
    expect(refused.status, path).toBeGreaterThanOrEqual(400)
    expect(refused.headers.get("Cache-Control")).toBe("private, no-store")
  }
  await anonymous.put(`/v1/projects/${id}`, { body: { name: "Now" } })
  expect((await anonymous.get(`/v1/projects/${id}`)).status).toBe(200)
  expect((await anonymous.get("/v1/projects", { headers: { Accept: "text/html" } })).status).toBe(406)
  expect(await keptInKv()).toEqual([])
})
