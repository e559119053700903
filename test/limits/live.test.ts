/** Sockets and streams on the limits: a hub that has taken one can't be told to forget it. */

import { env } from "cloudflare:workers"
import { anyone, collection, defineBackend } from "selvedge"
import { beforeEach, expect, test } from "vitest"
import { createScenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const LIMIT = 2

const backend = defineBackend({
  tables,
  collections: { teams: collection(tables.teams, { access: { read: anyone }, live: true }) },
  limits: { default: { limit: LIMIT, windowS: 3_600 } },
})

let asked = 0
const hubs: Pick<typeof env.HUB, "getByName"> = {
  getByName(...place) {
    asked++
    return env.HUB.getByName(...place)
  },
}

beforeEach(() => {
  asked = 0
})

test.each([
  ["upgrades", "/v1/live", { Upgrade: "websocket" }, 101],
  ["streams", "/v1/teams", { Accept: "text/event-stream" }, 200],
] as const)("%s count like any request, and those beyond the limit reach no hub", async (_, path, headers, status) => {
  const scenario = createScenario(backend, env.FIXTURE, Date.now, { limited: true, hubs })
  const { get } = await scenario.as({ id: crypto.randomUUID() })
  const answers = await Promise.all(Array.from({ length: 10 }, () => get(path, { headers })))
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([
    ...Array<number>(LIMIT).fill(status),
    ...Array<number>(10 - LIMIT).fill(429),
  ])
  expect(asked).toBe(LIMIT)
})

test("HEAD tells of a stream without asking a hub", async () => {
  const { head } = await createScenario(backend, env.FIXTURE, Date.now, { hubs }).as("anonymous")
  const { status, headers } = await head("/v1/teams", { headers: { Accept: "text/event-stream" } })
  expect([status, headers.get("Content-Type"), asked]).toEqual([200, "text/event-stream", 0])
})
