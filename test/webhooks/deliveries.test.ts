/** What is sent to webhooks, and what becomes of it. */

import { env } from "cloudflare:workers"
import { Webhook } from "standardwebhooks"
import { beforeEach, expect, test } from "vitest"
import { collections as shop } from "../../app/collections.ts"
import * as tables from "../../app/schema.ts"
import { createSecrets } from "../../src/auth/secrets.ts"
import { anyone, collection, defineBackend, role } from "../../src/index.ts"
import { createWebhookScenario, DAY_MS, HOUR_MS, type Received, type WebhookScenario } from "./scenario.ts"

let scenario: WebhookScenario

beforeEach(async () => {
  scenario = await createWebhookScenario()
})

const verify = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, Object.fromEntries(headers))

test("each change that was asked for is one signed call with the record", async () => {
  const { id, secret } = await scenario.register({ events: ["films.created", "films.deleted"] })
  const film = await scenario.newFilm()
  const { body: record } = await scenario.service.get(`/v1/films/${film}`)
  await scenario.service.patch(`/v1/films/${film}`, { body: { stock: 8 } })
  await scenario.service.delete(`/v1/films/${film}`)
  await scenario.run()
  const [created, deleted] = await scenario.deliveries(id)
  const calls = [created, deleted].map(
    (delivery) => scenario.received.find(({ headers }) => headers.get("webhook-id") === delivery.id)!,
  )
  expect(scenario.received).toHaveLength(2)
  expect(verify(secret, calls[0]!)).toEqual({
    type: "films.created",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    data: record,
  })
  expect(verify(secret, calls[1]!)).toMatchObject({ type: "films.deleted", data: { id: film, stock: 8 } })
  expect(created).toMatchObject({
    event: "films.created",
    state: "succeeded",
    nextAt: null,
    attempts: [{ status: 200, response: "ok", at: new Date(scenario.now()).toISOString() }],
  })
  const { url, headers, init } = calls[0]!
  expect([url, init.method, init.redirect]).toEqual(["https://hooks.example/in", "POST", "manual"])
  expect([...headers.keys()].sort()).toEqual([
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
  ])
})

test("a filter is asked of the record after the change, and of a deleted one before it", async () => {
  const { id } = await scenario.register({
    events: ["films.created", "films.updated", "films.deleted"],
    filter: { stock: { lt: 3 } },
  })
  const film = await scenario.newFilm({ stock: 5 })
  for (const stock of [2, 4, 1]) await scenario.service.patch(`/v1/films/${film}`, { body: { stock } })
  await scenario.service.delete(`/v1/films/${film}`)
  await scenario.run()
  const events = (await scenario.deliveries(id)).map(({ event }) => event)
  expect(events).toEqual(["films.updated", "films.updated", "films.deleted"])
})

test("fields that some may not read are in no call", async () => {
  const definition = collection(tables.films, {
    access: { read: anyone, create: role("staff"), update: role("staff") },
    fields: { budget: { read: role("staff") } },
  })
  const backend = defineBackend({ tables, collections: { ...shop, films: definition } })
  scenario = await createWebhookScenario({ collections: backend.collections })
  const { id } = await scenario.register()
  await scenario.newFilm({ budget: 1234567 })
  await scenario.run()
  expect(scenario.received[0]!.body).not.toMatch(/budget|1234567/)
  const [{ id: deliveryId }] = await scenario.deliveries(id)
  expect((await scenario.service.get(`/v1/admin/deliveries/${deliveryId}`)).text).not.toMatch(/budget|1234567/)
  const filtered = await scenario.service.post("/v1/admin/webhooks", {
    body: { url: "https://hooks.example", events: ["films.created"], filter: { budget: { gt: 5 } } },
  })
  expect(filtered).toMatchObject({ status: 422, body: { errors: [{ pointer: "/filter/budget" }] } })
})

test("a change that nobody asked for costs the database no write", async () => {
  await scenario.newFilm()
  const before = await scenario.d1.prepare("SELECT count(*) AS n FROM _jobs").first("n")
  const { id } = await scenario.register({ events: ["reviews.created"] })
  await scenario.newFilm()
  await scenario.run()
  expect(await scenario.deliveries(id)).toEqual([])
  expect(await scenario.d1.prepare("SELECT count(*) AS n FROM _jobs").first("n")).toBe(before)
})

test("after a rotation the new secret signs at once, also when the old one can't be read any more", async () => {
  const { id, secret } = await scenario.register()
  const lost = createSecrets("a lost secret, with more than 32 characters").current
  const sealed = await lost.encrypt("webhook secret", id, secret)
  await scenario.d1.prepare("UPDATE _webhooks SET secret = ? WHERE id = ?").bind(sealed, id).run()
  const { body } = await scenario.service.post(`/v1/admin/webhooks/${id}/rotate`)
  await scenario.newFilm()
  await scenario.run()
  expect(await scenario.deliveries(id)).toMatchObject([{ state: "succeeded" }])
  verify(body.secret, scenario.received[0]!)
  expect(scenario.received[0]!.headers.get("webhook-signature")!.split(" ")).toHaveLength(1)
})

test("calls of one record come in their order where that is asked, and others don't wait for them", async () => {
  await scenario.register({ events: ["films.created", "films.updated"], ordered: true })
  scenario.answer(({ body }) => new Response(null, { status: body.includes('"title":"Slow"') ? 500 : 200 }))
  const slow = await scenario.newFilm({ title: "Slow" })
  await scenario.newFilm({ title: "Quick" })
  await scenario.service.patch(`/v1/films/${slow}`, { body: { title: "Slower" } })
  await scenario.run()
  const titles = () => scenario.received.map(({ body }) => JSON.parse(body).data.title)
  expect(titles().sort()).toEqual(["Quick", "Slow"])
  scenario.answer(() => new Response("ok"))
  scenario.advance(7_000)
  await scenario.run()
  expect(titles().slice(2)).toEqual(["Slow", "Slower"])
})

test("after a rotation both secrets sign for a day, and then the new one alone", async () => {
  const { id, secret } = await scenario.register()
  const { status, body } = await scenario.service.post(`/v1/admin/webhooks/${id}/rotate`)
  expect(status).toBe(200)
  expect(body.secret).toMatch(/^whsec_/)
  expect(body.secret).not.toBe(secret)
  await scenario.newFilm()
  await scenario.run()
  for (const each of [secret, body.secret]) verify(each, scenario.received[0]!)
  expect(scenario.received[0]!.headers.get("webhook-signature")!.split(" ")).toHaveLength(2)
  scenario.advance(24 * HOUR_MS)
  await scenario.newFilm()
  await scenario.run()
  expect(scenario.received[1]!.headers.get("webhook-signature")!.split(" ")).toHaveLength(1)
})

test("a webhook's secret survives a change of the Worker's own, and is then sealed under the new one", async () => {
  const { id, secret } = await scenario.register()
  const sealed = await createSecrets("the secret before, with more than 32 characters").current.encrypt(
    "webhook secret",
    id,
    secret,
  )
  await scenario.d1.prepare("UPDATE _webhooks SET secret = ? WHERE id = ?").bind(sealed, id).run()
  await scenario.newFilm()
  await scenario.run()
  const [unreadable] = await scenario.deliveries(id)
  expect(unreadable.attempts).toMatchObject([{ status: null, error: expect.stringContaining("rotate") }])
  const { all } = createSecrets(env.SELVEDGE_SECRET, "the secret before, with more than 32 characters")
  Object.assign(scenario.work.background.secrets, { all })
  await scenario.newFilm()
  await scenario.run()
  verify(secret, scenario.received[0]!)
  const kept = await scenario.d1.prepare("SELECT secret FROM _webhooks WHERE id = ?").bind(id).first<string>("secret")
  expect(await createSecrets(env.SELVEDGE_SECRET).current.decrypt("webhook secret", id, kept!)).toBe(secret)
})

test("what a receiver sends back is kept without secrets, and they are nowhere else", async () => {
  const { id, secret } = await scenario.register()
  const bare = secret.slice("whsec_".length)
  scenario.answer(({ headers }) => {
    const echo = { ...Object.fromEntries(headers), Authorization: "Bearer abc.def.ghi-123", mine: bare }
    return new Response(
      `${JSON.stringify(echo)} token=hush-hush <password>hush-xml</password> ${secret} ${"x".repeat(5000)}`,
      { status: 400 },
    )
  })
  await scenario.newFilm()
  await scenario.run()
  const [delivery] = await scenario.deliveries(id)
  const { response } = delivery.attempts[0]
  expect(response.length).toBeLessThanOrEqual(1024)
  expect(response).not.toMatch(/abc\.def|hush-|v1,\w/)
  const { results: rows } = await scenario.d1.prepare("SELECT * FROM _webhooks, _deliveries, _jobs").all()
  const list = await scenario.service.get("/v1/admin/webhooks")
  for (const text of [JSON.stringify(rows), list.text, JSON.stringify(scenario.logged), JSON.stringify(delivery)])
    expect(text).not.toContain(bare)
})

test("a test event goes the same way", async () => {
  const { id, secret } = await scenario.register()
  const { status, body } = await scenario.service.post(`/v1/admin/webhooks/${id}/test`)
  expect([status, body.state, body.event]).toEqual([202, "pending", "test"])
  await scenario.run()
  expect(verify(secret, scenario.received[0]!)).toMatchObject({ type: "test", data: { webhookId: id } })
  await scenario.service.patch(`/v1/admin/webhooks/${id}`, { body: { enabled: false } })
  expect(await scenario.service.post(`/v1/admin/webhooks/${id}/test`)).toMatchObject({ status: 409 })
})

test("an address is looked at again before each call", async () => {
  const { id } = await scenario.register()
  await scenario.d1.prepare("UPDATE _webhooks SET url = 'https://169.254.169.254/' WHERE id = ?").bind(id).run()
  await scenario.newFilm()
  await scenario.run()
  expect(scenario.received).toEqual([])
  const [delivery] = await scenario.deliveries(id)
  expect(delivery.attempts).toMatchObject([{ status: null, error: expect.stringContaining("not called") }])
})

test("deliveries that ended 30 days ago are removed", async () => {
  const { id } = await scenario.register()
  await scenario.newFilm()
  await scenario.run()
  scenario.advance(30 * DAY_MS - 1)
  await scenario.run()
  expect(await scenario.deliveries(id)).toHaveLength(1)
  scenario.advance(HOUR_MS)
  await scenario.run()
  expect(await scenario.deliveries(id)).toEqual([])
})

test("a long run of changes is told whole, each once", async () => {
  const { id } = await scenario.register()
  const title = `"Ünï\\cödé" 🎬 ${"x".repeat(12_000)}`
  await scenario.d1
    .prepare(
      `INSERT INTO films (id, title, price_cents, stock, created_at, updated_at)
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
SELECT '01a1fecd-0000-7000-8000-' || printf('%012d', i), ?, 1, i, 0, 0 FROM n`,
    )
    .bind(title)
    .run()
  await scenario.work.background.feed.wake()
  await scenario.run()
  const told = scenario.received.map(({ body }) => JSON.parse(body).data)
  expect(told.map(({ stock }) => stock).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
  expect(new Set(told.map((film) => film.title))).toEqual(new Set([title]))
  const { n } = (await scenario.d1
    .prepare("SELECT count(*) AS n FROM _deliveries WHERE webhook_id = ? AND state = 'succeeded'")
    .bind(id)
    .first<{ n: number }>())!
  expect(n).toBe(60)
})
