import { eq, sql } from "drizzle-orm"
import { anyone, type Backend, defineBackend, endpoint, job, on, type Router } from "selvedge"
import { beforeAll, beforeEach, describe, expect, test } from "vitest"
import * as z from "zod"
import { collections } from "../fixture/backend.ts"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { createReplicas, type Replicas } from "../fixture/replicas.ts"
import { createScenario, type Scenario } from "../fixture/scenario.ts"
import * as tables from "../fixture/schema.ts"

const { teams } = tables
/** What the job of a name has seen. */
const seen = new Map<string, unknown>()
/** Who answered what each job asked. */
const asked = new Map<string, string[]>()

/** What goes wrong while the job of a name first reads; gives what ends it. */
const disturb = new Map<string, () => () => void>()

const look = job("look", {
  input: z.object({ name: z.string() }),
  async run({ name }, { atomic, db, records }) {
    const own = db.select({ name: teams.name }).from(teams).where(eq(teams.name, name))
    const listed = async () => (await records("service").teams!.list({ filter: { name } })).data.length
    const from = replicas.answered.length
    const calm = disturb.get(name)?.()
    disturb.delete(name)
    const before = await Promise.all([own.then((rows) => rows.length), listed()]).finally(calm)
    await db.update(teams).set({ secret: sql`'drizzle'` }).where(eq(teams.name, name))
    const [mine] = await db.select().from(teams).where(eq(teams.name, name))
    await atomic([db.insert(teams).values({ name })])
    seen.set(name, [before, mine?.secret, (await own).length, await listed()])
    asked.set(name, replicas.answered.slice(from))
  },
})

const greet = on(teams, ["created"], ({ after }) => void seen.set(`greeted ${after!.name}`, true), { name: "greet" })

const routes = (app: Router<typeof collections>) =>
  app.post(
    "/v1/looks",
    endpoint({
      summary: "Makes a team and looks at it later",
      access: anyone,
      body: z.object({ name: z.string() }),
      answer: { status: 200, description: "Done" },
    }),
    async (c) => {
      const { atomic, db, enqueue } = c.var.ctx
      const { name } = c.req.valid("json")
      await atomic([db.insert(teams).values({ name }), enqueue(look, { name })])
      return c.json({})
    },
  )

const backend: Backend = defineBackend({ tables, collections, routes, jobs: { look, greet } })

let replicas: Replicas

beforeAll(async () => {
  replicas = await createReplicas()
})

async function makeLook(scenario: Scenario, name: string): Promise<void> {
  const service = await scenario.as("service")
  expect((await service.post("/v1/looks", { body: { name } })).status).toBe(200)
}

describe("a job", () => {
  let scenario: Scenario

  beforeEach(async () => {
    await replicas.catchUp()
    scenario = createScenario(backend, replicas.d1)
  })

  test("sees what the request wrote that stored it, and what it writes itself, though the replica lags", async () => {
    await makeLook(scenario, "lagging")
    await scenario.settled()
    expect(seen.get("lagging")).toEqual([[1, 1], "drizzle", 2, 2])
    expect(asked.get("lagging")).not.toContain("replica")
  })

  test("reads from the replica as soon as that has what the request wrote", async () => {
    await makeLook(scenario, "near")
    const { run } = catchUpWithClaim(scenario)
    await run()
    expect(seen.get("near")).toEqual([[1, 1], "drizzle", 2, 2])
    expect(asked.get("near")!.slice(0, 2)).toEqual(["replica", "replica"])
    expect(asked.get("near")!.slice(2)).not.toContain("replica")
  })
})

/** The replica catches up right after the job was claimed, as a replica nearby would. */
function catchUpWithClaim(scenario: Scenario) {
  const { definitions } = scenario.work.system
  const definition = definitions.get("look")!
  const patched = {
    ...definition,
    run: async (...parts: Parameters<typeof definition.run>) => {
      await replicas.catchUp()
      return definition.run(...parts)
    },
  }
  ;(definitions as Map<string, unknown>).set("look", patched)
  return { run: () => scenario.settled() }
}

describe("while the database is away", () => {
  const faulty = createFaultyD1()
  let at = Date.UTC(2026, 10, 21)
  const scenario = createScenario(backend, faulty.d1, () => at)
  const busy = { text: "D1_ERROR: D1 DB is overloaded. Requests queued for too long." }
  const lost = { text: "D1_ERROR: Network connection lost." }
  const forAll = (fault: typeof busy) => faulty.faults.push(...Array.from({ length: 50 }, () => fault))
  const back = () => {
    faulty.faults.length = 0
  }
  const later = async () => {
    for (let turn = 0; turn < 5; turn++) {
      at += 60_000
      await scenario.work.tick()
      await scenario.settled()
    }
  }

  test.each([
    ["overloaded", busy],
    ["out of reach", lost],
  ])("and %s, jobs and the feed wait, and do their work when it is back", async (name, fault) => {
    await makeLook(scenario, name)
    forAll(fault)
    await scenario.settled().catch(() => {})
    await scenario.work.tick().catch(() => {})
    expect(seen.has(name)).toBe(false)
    back()
    await later()
    expect(seen.get(name)).toEqual([[1, 1], "drizzle", 2, 2])
    expect(seen.get(`greeted ${name}`)).toBe(true)
  })

  test("a job that can't read is tried again", async () => {
    await makeLook(scenario, "shaky")
    disturb.set("shaky", () => {
      forAll(lost)
      return back
    })
    await later()
    expect(seen.get("shaky")).toEqual([[1, 1], "drizzle", 2, 2])
    const { results } = await scenario.d1
      .prepare("SELECT state, attempts FROM _jobs WHERE name = 'look' AND input LIKE '%shaky%'")
      .all()
    expect(results).toEqual([{ state: "succeeded", attempts: 2 }])
  })
})
