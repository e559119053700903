/** What becomes of deliveries that fail: attempts, dead letters, disabled webhooks, and what an operator sends again. */

import { beforeEach, expect, test } from "vitest"
import { createWebhookScenario, DAY_MS, HOUR_MS, type WebhookScenario } from "./scenario.ts"

let scenario: WebhookScenario

beforeEach(async () => {
  scenario = await createWebhookScenario()
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
