/** A webhook whose row can't be read holds up no other. */

import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { createWebhookScenario, type WebhookScenario } from "./scenario.ts"

let scenario: WebhookScenario

beforeEach(async () => {
  scenario = await createWebhookScenario()
})

test.each([
  ["events", "{"],
  ["events", "7"],
  ["filter", "{"],
])("with %s %j it gets nothing, and the others all that they asked for", async (column, value) => {
  const damaged = await scenario.register({ events: ["films.created"] })
  const whole = await scenario.register({ events: ["films.created"] })
  await env.DB.prepare(`UPDATE _webhooks SET ${column} = ? WHERE id = ?`).bind(value, damaged.id).run()
  await scenario.newFilm()
  await scenario.run()
  expect(await scenario.deliveries(whole.id)).toMatchObject([{ state: "succeeded" }])
  expect(await scenario.deliveries(damaged.id)).toEqual([])
  const { status, body } = await scenario.admin.get("/v1/admin/webhooks")
  expect(status).toBe(200)
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([whole.id, damaged.id])
})

test("a delivery whose attempts can't be read is shown without them, and goes out", async () => {
  const { id } = await scenario.register({ events: ["films.created"] })
  scenario.answer(() => new Response("no", { status: 500 }))
  await scenario.newFilm()
  await scenario.run()
  await env.DB.prepare("UPDATE _deliveries SET attempts = '{'").run()
  expect(await scenario.deliveries(id)).toMatchObject([{ state: "pending", attempts: [] }])
  scenario.answer(() => new Response("ok"))
  scenario.advance(60_000)
  await scenario.run()
  expect(await scenario.deliveries(id)).toMatchObject([{ state: "succeeded", attempts: [{ status: 200 }] }])
})
