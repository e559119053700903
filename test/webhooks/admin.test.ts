/** `/v1/admin/webhooks` and `/v1/admin/deliveries`, as admins and others see them. */

import { beforeAll, beforeEach, expect, test } from "vitest"
import { createWebhookScenario, type WebhookScenario } from "./scenario.ts"

let scenario: WebhookScenario

beforeAll(async () => {
  scenario = await createWebhookScenario()
})
beforeEach(async () => {
  await scenario.d1.exec("DELETE FROM _webhooks")
})

const INPUT = { url: "https://hooks.example/in", events: ["reviews.created"] }
const post = (body: unknown) => scenario.admin.post("/v1/admin/webhooks", { body })

test("a webhook is registered, read, changed, listed and removed; its secret is shown once", async () => {
  const { status, body, headers } = await post({ ...INPUT, filter: { stars: { lte: 2 } }, ordered: true })
  const { secret, ...webhook } = body
  expect(status).toBe(201)
  expect(headers.get("Location")).toBe(`/v1/admin/webhooks/${webhook.id}`)
  expect(headers.get("Cache-Control")).toContain("no-store")
  expect(atob(secret.replace("whsec_", ""))).toHaveLength(32)
  expect(webhook).toMatchObject({ ...INPUT, filter: { stars: { lte: 2 } }, ordered: true, enabled: true })
  const path = `/v1/admin/webhooks/${webhook.id}`
  expect((await scenario.admin.get(path)).body).toEqual(webhook)
  const changed = await scenario.admin.patch(path, {
    body: { filter: null, events: ["films.updated"], enabled: false },
  })
  expect(changed.body).toMatchObject({ filter: null, events: ["films.updated"], enabled: false, disabledFor: "paused" })
  const list = await scenario.admin.get("/v1/admin/webhooks")
  expect(list.body).toEqual({ data: [changed.body], page: { next: null, previous: null } })
  expect((await scenario.admin.delete(path)).status).toBe(204)
  expect((await scenario.admin.get(path)).status).toBe(404)
})

test.each([
  [{ ...INPUT, url: "https://10.0.0.1/" }, "/url"],
  [{ ...INPUT, url: "https://edge.example/" }, "/url"],
  [{ ...INPUT, url: 1 }, "/url"],
  [{ ...INPUT, events: [] }, "/events"],
  [{ ...INPUT, events: ["reviews.created", "wishes.created"] }, "/events/1"],
  [{ ...INPUT, events: ["reviews.deleted.again"] }, "/events/0"],
  [{ ...INPUT, events: ["reviews.read"] }, "/events/0"],
  [{ ...INPUT, events: ["_users.created"] }, "/events/0"],
  [{ ...INPUT, filter: { wishes: 1 } }, "/filter/wishes"],
  [{ ...INPUT, filter: { film: { title: "Alien" } } }, "/filter/film"],
  [{ ...INPUT, filter: { stars: { gte: "many" } } }, "/filter/stars/gte"],
  [{ ...INPUT, events: ["reviews.created", "films.created"], filter: { stars: 1 } }, "/filter/stars"],
  [{ ...INPUT, secret: "whsec_mine" }, "/secret"],
])("%j is refused at %s", async (body, pointer) => {
  const answer = await post(body)
  expect(answer).toMatchObject({ status: 422, body: { code: "validation_failed", errors: [{ pointer }] } })
})

test("a change is checked as a whole, and changes nothing when it is refused", async () => {
  const { body } = await post({ ...INPUT, filter: { stars: 1 } })
  const path = `/v1/admin/webhooks/${body.id}`
  const patch = (change: unknown) => scenario.admin.patch(path, { body: change })
  expect(await patch({ events: ["films.created"] })).toMatchObject({ status: 422 })
  expect(await patch({ url: "https://intranet/", ordered: true })).toMatchObject({ status: 422 })
  expect(await patch({ enabled: "yes" })).toMatchObject({ status: 422 })
  const { secret: _, ...registered } = body
  expect((await scenario.admin.get(path)).body).toEqual(registered)
})

test("a webhook whose collection is gone can be paused, but not enabled", async () => {
  const { body } = await post(INPUT)
  await scenario.d1.prepare("UPDATE _webhooks SET events = '[\"wishes.created\"]' WHERE id = ?").bind(body.id).run()
  const enable = (enabled: boolean) => scenario.admin.patch(`/v1/admin/webhooks/${body.id}`, { body: { enabled } })
  expect(await enable(false)).toMatchObject({ status: 200, body: { enabled: false } })
  expect(await enable(true)).toMatchObject({ status: 422, body: { errors: [{ pointer: "/events/0" }] } })
})

test("what isn't there is not found, whatever is asked of it", async () => {
  for (const [method, path] of [
    ["get", "webhooks/x"],
    ["patch", "webhooks/x"],
    ["delete", "webhooks/x"],
    ["post", "webhooks/x/rotate"],
    ["post", "webhooks/x/test"],
    ["get", "deliveries/x"],
    ["post", "deliveries/x/redeliver"],
  ] as const) {
    const { status } = await scenario.admin[method](`/v1/admin/${path}`, method === "patch" ? { body: {} } : {})
    expect(status, `${method} ${path}`).toBe(404)
  }
})

test("others get to none of it", async () => {
  const anonymous = await scenario.as("anonymous")
  await scenario.d1.prepare("UPDATE _users SET roles = '[\"staff\"]' WHERE id = ?").bind(scenario.adminId).run()
  for (const [method, path] of [
    ["get", "webhooks"],
    ["post", "webhooks"],
    ["get", "webhooks/x"],
    ["patch", "webhooks/x"],
    ["delete", "webhooks/x"],
    ["post", "webhooks/x/rotate"],
    ["post", "webhooks/x/test"],
    ["get", "deliveries"],
    ["get", "deliveries/x"],
    ["post", "deliveries/x/redeliver"],
  ] as const) {
    const statuses = await Promise.all(
      [anonymous, scenario.admin].map(async (client) => (await client[method](`/v1/admin/${path}`)).status),
    )
    expect(statuses, `${method} ${path}`).toEqual([401, 403])
  }
  await scenario.d1.prepare("UPDATE _users SET roles = '[\"admin\"]' WHERE id = ?").bind(scenario.adminId).run()
})

test("deliveries are listed newest first, by webhook and by state", async () => {
  const [one, other] = [await scenario.register(), await scenario.register()]
  scenario.answer(() => new Response(null, { status: 500 }))
  await scenario.newFilm({ title: "First" })
  await scenario.newFilm({ title: "Second" })
  await scenario.run()
  const list = async (query: string) => (await scenario.admin.get(`/v1/admin/deliveries?${query}`)).body
  const whole = await list(`webhookId=${one.id}`)
  expect(whole.data).toMatchObject([{ webhookId: one.id }, { webhookId: one.id }])
  expect(whole.data[0].id > whole.data[1].id).toBe(true)
  const page = await list(`webhookId=${one.id}&state=pending&limit=1`)
  expect(page.data).toEqual([whole.data[0]])
  expect((await list(`webhookId=${one.id}&state=pending&limit=1&after=${page.page.next}`)).data).toEqual([
    whole.data[1],
  ])
  expect((await list(`webhookId=${other.id}&state=succeeded`)).data).toEqual([])
  expect(await scenario.admin.get("/v1/admin/deliveries?state=lost")).toMatchObject({ status: 400 })
})
