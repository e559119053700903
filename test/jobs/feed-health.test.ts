/** `/health/ready` says how the feed does. */

import { exports } from "cloudflare:workers"
import { afterEach, expect, test, vi } from "vitest"
import { films } from "../../app/schema.ts"
import type { SinkStatus } from "../../src/changes/sink.ts"
import { on } from "../../src/index.ts"
import { surprises } from "../fixture/conformance.ts"
import { createFeed, recorder, writeTeams } from "./feed-scenario.ts"
import { createJobScenario } from "./scenario.ts"

const scenario = createJobScenario([on(films, ["created"], () => {})])
const { feed } = scenario.work.background
const status = vi.spyOn(feed as { status(): Promise<SinkStatus[]> }, "status")

afterEach(() => {
  status.mockReset()
})

async function ready() {
  const anonymous = await scenario.as("anonymous")
  const answer = await anonymous.get("/health/ready")
  const document = (await anonymous.get("/openapi.json")).body
  expect(surprises(document, { method: "GET", path: "/health/ready", answer })).toEqual([])
  return answer
}

test("a feed that keeps up is ready, and tells how far behind each sink is", async () => {
  const { status, body } = await ready()
  const sinks = body.dependencies.feed.sinks
  expect([status, body.status, body.dependencies.feed.status]).toEqual([200, "ok", "ok"])
  expect(sinks[0]).toEqual({ name: "reactions", lag: 0, failures: 0 })
  const service = await scenario.as("service")
  await service.post("/v1/films", { body: { title: "Alien", priceCents: 999, stock: 1 } })
  expect((await ready()).body.dependencies.feed.sinks[0]).toMatchObject({ name: "reactions", lag: 1 })
  await scenario.settled()
  expect((await ready()).body.dependencies.feed.sinks[0]).toMatchObject({ name: "reactions", lag: 0 })
})

test("a sink that has failed three times in a row makes it 503, fewer don't", async () => {
  const broken = createFeed([
    recorder("broken", () => {
      throw new Error("no")
    }),
    recorder("healthy"),
  ])
  status.mockImplementation(async () => broken.feed.status())
  await writeTeams(["a"])
  for (let failures = 0; failures < 2; failures++) {
    await broken.feed.drain()
    broken.advance(30_000)
  }
  expect(await ready()).toMatchObject({ status: 200, body: { dependencies: { feed: { status: "ok" } } } })
  await broken.feed.drain()
  expect(await ready()).toMatchObject({
    status: 503,
    body: {
      status: "unavailable",
      dependencies: {
        database: { status: "ok" },
        signingKeys: { status: "ok" },
        feed: {
          status: "failing",
          sinks: [
            { name: "broken", failures: 3 },
            { name: "healthy", failures: 0 },
          ],
        },
      },
    },
  })
})

test("a feed that can't be reached, or doesn't answer in time, makes it 503", async () => {
  status.mockRejectedValueOnce(new Error("no"))
  const unreachable = { status: "unavailable", dependencies: { feed: { status: "unavailable" } } }
  expect(await ready()).toMatchObject({ status: 503, body: unreachable })
  status.mockReturnValueOnce(new Promise(() => {}))
  const started = Date.now()
  expect(await ready()).toMatchObject({ status: 503, body: unreachable })
  expect(Date.now() - started).toBeLessThan(5_000)
})

test("the Worker itself asks its feed", async () => {
  const worker = (exports as unknown as { default: { fetch(url: string): Promise<Response> } }).default
  const response = await worker.fetch("http://localhost/health/ready")
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({
    dependencies: {
      feed: { status: "ok", sinks: [{ name: "reactions" }, { name: "webhooks" }, { name: "cache" }, { name: "live" }] },
    },
  })
})
