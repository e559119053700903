import { env } from "cloudflare:workers"
import { beforeAll, expect, test } from "vitest"
import { backend } from "../fixture/backend.ts"
import { createScenario } from "../fixture/scenario.ts"

const scenario = createScenario(backend, env.FIXTURE)
const ADA = "0199aaaa-0000-7000-8000-000000000001"

beforeAll(async () => {
  const ada = await scenario.as({ id: ADA })
  for (let i = 0; i < 5; i++) {
    const made = await ada.post("/v1/notes", { body: { title: `note ${i}`, rank: i % 2 ? i : null, ownerId: ADA } })
    expect(made.status, made.text).toBe(201)
  }
})

test("a list is one statement, whatever is expanded", async () => {
  const ada = await scenario.as({ id: ADA })
  await ada.get("/v1/notes")
  scenario.counted.statements = scenario.counted.trips = 0
  const answer = await ada.get("/v1/notes?expand=project&count=exact&limit=2")
  expect(answer.status, answer.text).toBe(200)
  expect(answer.body.page.total).toBe(5)
  expect(scenario.counted).toEqual({ trips: 1, statements: 1 })
})
