/** Kept answers, through HTTP, on real KV and a real feed. */

import { env } from "cloudflare:workers"
import { anyone, collection, defineBackend, role } from "selvedge"
import { beforeEach, expect, test } from "vitest"
import { createScenario, type Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const staff = role("staff")

const backend = defineBackend({
  tables,
  collections: {
    teams: collection(tables.teams, {
      access: { read: anyone, create: anyone, update: anyone, delete: anyone },
      fields: { secret: { read: staff } },
      sorts: ["name"],
      cache: { maxAge: 60 },
    }),
  },
})

let at = 0
let scenario: Scenario

beforeEach(() => {
  at = Date.now()
  scenario = createScenario(backend, env.FIXTURE, () => at)
})

test("a list that is asked for again is answered without the database, until a change is told", async () => {
  const anonymous = await scenario.as("anonymous")
  await anonymous.post("/v1/teams", { body: { name: "Red" } })
  await scenario.settled()
  const first = await anonymous.get("/v1/teams?limit=5&sort=name")
  const { trips } = scenario.counted
  const again = await anonymous.get("/v1/teams?sort=name&limit=5")
  expect(again.headers.get("Cache-Status")).toBe("selvedge; hit; ttl=60")
  expect(again.text).toBe(first.text)
  expect(scenario.counted.trips).toBe(trips)
  await anonymous.post("/v1/teams", { body: { name: "Blue" } })
  await scenario.settled()
  at += 1_001
  const changed = await anonymous.get("/v1/teams?sort=name&limit=5")
  expect(changed.body.data).toHaveLength(first.body.data.length + 1)
})
