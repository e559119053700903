/** Who may use the operator's routes, what they refuse, and that the document foretells what they answer. */

import { beforeAll, expect, test } from "vitest"
import * as z from "zod"
import { schedule as defineSchedule, job } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { createAuthScenario } from "../auth/scenario.ts"
import { surprises } from "../fixture/conformance.ts"
import { type AdminScenario, createAdminScenario } from "./admin-scenario.ts"

const ID = newId()
const ROUTES = [
  ["GET", "jobs"],
  ["GET", `jobs/${ID}`],
  ["POST", "jobs/retry"],
  ["POST", `jobs/${ID}/retry`],
  ["POST", `jobs/${ID}/cancel`],
  ["DELETE", `jobs/${ID}`],
  ["GET", "schedules"],
  ["POST", "schedules/nightly/run"],
  ["GET", "changes"],
  ["GET", "stats"],
] as const

let scenario: AdminScenario

beforeAll(async () => {
  const listed = job("listed", { input: z.number(), run: (n) => n })
  scenario = await createAdminScenario([listed, defineSchedule("nightly", { cron: "0 0 * * *", run: () => {} })])
})

const call = (client: object, method: string, path: string, body?: unknown) =>
  (client as Record<string, typeof scenario.admin.get>)[method.toLowerCase()]!(
    `/v1/admin/${path}`,
    body === undefined ? {} : { body },
  )

test("strangers are refused by every route, before anything is looked at", async () => {
  const anonymous = await scenario.as("anonymous")
  const stranger = await scenario.as({ id: newId(), roles: ["staff"] })
  const known = newId()
  await scenario.d1.prepare("INSERT INTO _users (id, created_at, updated_at) VALUES (?, 0, 0)").bind(known).run()
  const fallen = await scenario.as({ id: known, roles: ["admin"], session: true })
  for (const [method, path] of ROUTES) {
    expect(await call(anonymous, method, path), path).toMatchObject({ status: 401, body: { code: "unauthenticated" } })
    expect((await call(stranger, method, path)).status, path).toBe(401)
    expect(await call(fallen, method, path), path).toMatchObject({ status: 403, body: { code: "forbidden" } })
  }
})

test("the service may call every route", async () => {
  const service = await scenario.as("service")
  for (const [method, path] of ROUTES)
    expect([200, 202, 404, 415], path).toContain((await call(service, method, path)).status)
})

test("a key of an admin needs the scope admin", async () => {
  const auth = createAuthScenario()
  const { user, refreshToken } = await auth.newUser()
  await auth.d1.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(user.id).run()
  const { accessToken: token } = (await auth.auth("refresh", { refreshToken })).body
  const keyOf = async (scope: string) =>
    (await auth.call("POST", "/v1/auth/keys", { token, body: { name: scope, scopes: [scope] } })).body.key
  expect((await auth.call("GET", "/v1/admin/jobs", { token: await keyOf("admin") })).status).toBe(200)
  expect((await auth.call("GET", "/v1/admin/jobs", { token: await keyOf("films:read") })).status).toBe(403)
})

test("jobs page by key, each once, and a cursor of another list is refused", async () => {
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(await scenario.enqueue("listed", n, { delay: 1_000 }))
  const list = (query: string) => scenario.admin.get(`/v1/admin/jobs?name=listed&${query}`)
  const seen: string[] = []
  let cursor: string | null = ""
  while (cursor !== null) {
    const { body } = await list(`limit=2${cursor && `&after=${cursor}`}`)
    seen.push(...body.data.map(({ id }: { id: string }) => id))
    cursor = body.page.next
  }
  expect(seen).toEqual(ids.toReversed())
  const { next } = (await list("limit=2")).body.page
  const refused = [
    `/v1/admin/jobs?name=other&after=${next}`,
    `/v1/admin/changes?after=${next}`,
    `/v1/admin/jobs?name=listed&after=${next}&before=${next}`,
    "/v1/admin/jobs?after=nonsense",
    "/v1/admin/jobs?state=sleeping",
    "/v1/admin/jobs?limit=0",
    "/v1/admin/jobs?limit=101",
    "/v1/admin/jobs?name=a&name=b",
    "/v1/admin/jobs?colour=red",
    "/v1/admin/changes?seq=1",
    "/v1/admin/schedules?limit=1",
    "/v1/admin/stats?deep=true",
  ]
  for (const path of refused)
    expect(await scenario.admin.get(path), path).toMatchObject({ status: 400, body: { code: "invalid_query" } })
})

test("other methods are refused with those that a path has", async () => {
  const refused = [
    ["POST", "jobs", "GET, HEAD, OPTIONS"],
    ["PATCH", `jobs/${ID}`, "GET, HEAD, DELETE, OPTIONS"],
    ["GET", `jobs/${ID}/cancel`, "POST, OPTIONS"],
    ["DELETE", "schedules/nightly/run", "POST, OPTIONS"],
    ["POST", "changes", "GET, HEAD, OPTIONS"],
    ["PUT", "stats", "GET, HEAD, OPTIONS"],
  ] as const
  for (const [method, path, allow] of refused) {
    const { status, headers } = await call(scenario.admin, method, path)
    expect([status, headers.get("Allow")], path).toEqual([405, allow])
  }
})

test("every answer is one that the document foretells", async () => {
  const document = (await scenario.send("GET", "/openapi.json")).body
  const faults: string[] = []
  const statuses: number[] = []
  const tell = async (method: string, path: string, body?: unknown) => {
    const answer = await call(scenario.admin, method, path, body)
    statuses.push(answer.status)
    faults.push(...surprises(document, { method, path: `/v1/admin/${path}`, body, answer }))
    return answer
  }
  const run = await tell("POST", "schedules/nightly/run")
  const { id } = run.body
  await tell("GET", "jobs?limit=3")
  await tell("POST", `jobs/${id}/cancel`)
  await tell("POST", `jobs/${id}/cancel`)
  await tell("POST", `jobs/${id}/retry`)
  await scenario.settled()
  await tell("GET", `jobs/${id}`)
  await tell("GET", "schedules")
  await tell("DELETE", `jobs/${id}`)
  await tell("DELETE", `jobs/${id}`)
  await tell("POST", "jobs/retry", { name: "listed", state: "dead" })
  await tell("POST", `jobs/${id}/retry`, { other: 1 })
  await tell("GET", "changes?limit=5")
  await tell("GET", "stats")
  await tell("GET", "stats?x=1")
  expect(faults).toEqual([])
  expect(statuses).toEqual([202, 200, 200, 409, 200, 200, 200, 204, 404, 200, 422, 200, 200, 400])
  const described = Object.entries<object>(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace("/v1/admin/", "")}`),
  )
  for (const [method, path] of ROUTES)
    expect(described).toContain(`${method} ${path.replace(ID, "{id}").replace("nightly", "{name}")}`)
})
