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

test("a failing receiver is called again by the schedule, for three days, and then the delivery has failed", async () => {
  const { id } = await scenario.register()
  scenario.answer(() => new Response("down for tea", { status: 500 }))
  await scenario.newFilm()
  await scenario.run()
  const waits: number[] = []
  for (;;) {
    const [delivery] = await scenario.deliveries(id)
    if (delivery.state !== "pending") break
    const wait = Date.parse(delivery.nextAt) - scenario.now()
    waits.push(wait)
    scenario.advance(wait)
    await scenario.run()
  }
  const goals = [5, 300, 1800, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * 3600)].map((s) => s * 1000)
  expect(waits).toHaveLength(goals.length)
  for (const [i, wait] of waits.entries()) expect(Math.abs(wait / goals[i]! - 1)).toBeLessThanOrEqual(0.21)
  const [delivery] = await scenario.deliveries(id)
  expect(delivery).toMatchObject({ state: "failed", nextAt: null })
  expect(delivery.attempts).toHaveLength(10)
  expect(delivery.attempts[9]).toMatchObject({ status: 500, response: "down for tea" })
  expect(new Set(scenario.received.map(({ headers }) => headers.get("webhook-id")))).toEqual(new Set([delivery.id]))
  expect(new Set(scenario.received.map(({ headers }) => headers.get("webhook-timestamp"))).size).toBe(10)
})

test("a redirect is a failure and is not followed", async () => {
  const { id } = await scenario.register()
  scenario.answer(() => new Response(null, { status: 302, headers: { Location: "http://10.0.0.1/" } }))
  await scenario.newFilm()
  await scenario.run()
  expect(await scenario.deliveries(id)).toMatchObject([{ state: "pending", attempts: [{ status: 302 }] }])
  expect(scenario.received).toHaveLength(1)
})

test("Retry-After is respected, as seconds and as a date, up to a day", async () => {
  const { id } = await scenario.register()
  const cases: [number, () => string, number][] = [
    [429, () => "120", 120_000],
    [503, () => new Date(scenario.now() + HOUR_MS).toUTCString(), HOUR_MS],
    [503, () => "99999999", DAY_MS],
  ]
  await scenario.newFilm()
  for (const [status, header, wanted] of cases) {
    scenario.answer(() => new Response(null, { status, headers: { "Retry-After": header() } }))
    await scenario.run()
    const [{ nextAt, state }] = await scenario.deliveries(id)
    expect(state).toBe("pending")
    expect(Math.abs(Date.parse(nextAt) - scenario.now() - wanted)).toBeLessThan(1001)
    scenario.advance(Date.parse(nextAt) - scenario.now())
  }
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

test("410 disables the webhook, ends what waits for it, and its owner is told", async () => {
  const { body: webhook } = await scenario.admin.post("/v1/admin/webhooks", {
    body: { url: "https://hooks.example/in", events: ["films.created"] },
  })
  scenario.answer(() => new Response(null, { status: 500 }))
  await scenario.newFilm()
  await scenario.run()
  scenario.answer(() => new Response("gone", { status: 410 }))
  await scenario.newFilm()
  await scenario.run()
  const { body } = await scenario.admin.get(`/v1/admin/webhooks/${webhook.id}`)
  expect(body).toMatchObject({ enabled: false, disabledFor: "gone" })
  const deliveries = await scenario.deliveries(webhook.id)
  expect(deliveries).toMatchObject([{ state: "failed" }, { state: "failed", attempts: [{ status: 410 }] }])
  const job = await scenario.d1.prepare("SELECT * FROM _jobs WHERE id = ?").bind(deliveries[0].id).first()
  expect(job).toMatchObject({ state: "cancelled", due_at: null })
  expect(job!.errors).toContain("the webhook is disabled: gone")
  const mail = await scenario.d1
    .prepare("SELECT * FROM _mails WHERE recipient = ?")
    .bind(`${scenario.adminId}@people.example`)
    .first()
  expect(mail!.text).toContain("hooks.example")
  await scenario.newFilm()
  await scenario.run()
  expect(await scenario.deliveries(webhook.id)).toHaveLength(2)
})

test("an owner who is banned by then is told nothing", async () => {
  await scenario.admin.post("/v1/admin/webhooks", {
    body: { url: "https://hooks.example/in", events: ["films.created"] },
  })
  await scenario.d1.prepare("UPDATE _users SET banned_until = 9e15 WHERE id = ?").bind(scenario.adminId).run()
  scenario.answer(() => new Response("gone", { status: 410 }))
  await scenario.newFilm()
  await scenario.run()
  const { data } = (await scenario.service.get("/v1/admin/jobs?name=webhook-disabled")).body
  expect(data).toMatchObject([{ state: "succeeded", result: { told: false } }])
})

test("an endpoint that fails for five days is disabled, and its owner told; a success starts the days anew", async () => {
  const { body: webhook } = await scenario.admin.post("/v1/admin/webhooks", {
    body: { url: "https://hooks.example/in", events: ["films.created"] },
  })
  const fail = () => scenario.answer(() => new Response(null, { status: 500 }))
  const change = async () => {
    await scenario.newFilm()
    await scenario.run()
    return (await scenario.admin.get(`/v1/admin/webhooks/${webhook.id}`)).body
  }
  fail()
  const failing = await change()
  expect(failing).toMatchObject({ enabled: true, failingSince: new Date(scenario.now()).toISOString() })
  scenario.advance(4 * DAY_MS)
  scenario.answer(() => new Response("ok"))
  expect(await change()).toMatchObject({ failingSince: null })
  fail()
  await change()
  scenario.advance(5 * DAY_MS - 1)
  expect(await change()).toMatchObject({ enabled: true })
  scenario.advance(1)
  expect(await change()).toMatchObject({ enabled: false, disabledFor: "failing" })
  await scenario.run()
  const { n } = (await scenario.d1
    .prepare("SELECT count(*) AS n FROM _mails WHERE recipient = ?")
    .bind(`${scenario.adminId}@people.example`)
    .first<{ n: number }>())!
  expect(n).toBe(1)
  const states = (await scenario.deliveries(webhook.id)).map(({ state }) => state)
  expect(states).not.toContain("pending")
  const { body } = await scenario.admin.patch(`/v1/admin/webhooks/${webhook.id}`, { body: { enabled: true } })
  expect(body).toMatchObject({ enabled: true, disabledFor: null, failingSince: null })
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

test("a change that the sink refuses becomes a dead letter, and is told when that is retried", async () => {
  const { id } = await scenario.register()
  await scenario.d1.exec(
    "CREATE TRIGGER refuse_poison BEFORE INSERT ON _deliveries WHEN NEW.payload LIKE '%Poison%' BEGIN SELECT RAISE(ABORT, 'poison'); END",
  )
  for (const title of ["Before", "Poison", "After"]) await scenario.newFilm({ title })
  for (let i = 0; i < 20; i++) {
    await scenario.run()
    scenario.advance(31_000)
  }
  const titles = () => scenario.received.map(({ body }) => JSON.parse(body).data.title).sort()
  expect(titles()).toEqual(["After", "Before"])
  await scenario.d1.exec("DROP TRIGGER refuse_poison")
  const { body } = await scenario.service.get("/v1/admin/jobs?state=dead")
  expect(body.data).toMatchObject([{ name: "feed:webhooks" }])
  await scenario.service.post(`/v1/admin/jobs/${body.data[0].id}/retry`)
  await scenario.run()
  expect(titles()).toEqual(["After", "Before", "Poison"])
  expect(await scenario.deliveries(id)).toHaveLength(3)
})

test("a delivery that has ended is sent again under its own id, one that waits is not", async () => {
  const { id } = await scenario.register()
  scenario.answer(() => new Response(null, { status: 500 }))
  await scenario.newFilm()
  await scenario.run()
  const [{ id: delivery }] = await scenario.deliveries(id)
  const again = () => scenario.service.post(`/v1/admin/deliveries/${delivery}/redeliver`)
  expect(await again()).toMatchObject({ status: 409, body: { code: "conflict" } })
  scenario.answer(() => new Response("ok"))
  scenario.advance(7_000)
  await scenario.run()
  expect(await again()).toMatchObject({ status: 200, body: { id: delivery, state: "pending" } })
  await scenario.run()
  expect(await scenario.deliveries(id)).toMatchObject([{ state: "succeeded", attempts: [{}, {}, {}] }])
  expect(new Set(scenario.received.map(({ headers }) => headers.get("webhook-id")))).toEqual(new Set([delivery]))
  expect(await scenario.service.post(`/v1/admin/deliveries/${id}/redeliver`)).toMatchObject({ status: 404 })
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

test("what waits for a webhook ends quietly when it is paused or removed", async () => {
  const [paused, removed] = [await scenario.register(), await scenario.register()]
  scenario.answer(() => new Response(null, { status: 500 }))
  await scenario.newFilm()
  await scenario.run()
  await scenario.service.patch(`/v1/admin/webhooks/${paused.id}`, { body: { enabled: false } })
  expect((await scenario.service.delete(`/v1/admin/webhooks/${removed.id}`)).status).toBe(204)
  expect(await scenario.deliveries(paused.id)).toMatchObject([{ state: "failed", nextAt: null, attempts: [{}] }])
  expect(await scenario.deliveries(removed.id)).toEqual([])
  const open = "SELECT count(*) AS n FROM _jobs WHERE name = 'delivery' AND finished_at IS NULL"
  expect(await scenario.d1.prepare(open).first("n")).toBe(0)
  scenario.advance(DAY_MS)
  await scenario.run()
  expect(scenario.received).toHaveLength(2)
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
