import { expect, test } from "vitest"
import { createWorkScenario } from "./engine-scenario.ts"

test("on a developer's machine the first tick after a start sends what waits again, and the next one doesn't", async () => {
  const before = createWorkScenario({ run: () => "done" })
  const id = await before.enqueue(1)
  before.work.messages.splice(0)

  const after = createWorkScenario({ run: () => "done" })
  await after.work.tick()
  expect(after.work.messages.map(({ body }) => body)).toContainEqual({ id })
  after.work.messages.splice(0)
  await after.work.tick()
  expect(after.work.messages).toEqual([])
  after.advance(60_000)
  await after.run()
  expect(await after.job(id)).toMatchObject({ state: "succeeded", attempts: 1 })
})
