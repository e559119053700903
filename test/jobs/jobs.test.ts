import { expect, test } from "vitest"
import * as z from "zod"
import { reviews } from "../../app/schema.ts"
import { type Backend, endpoint, type Job, job, on, signedIn } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { createJobScenario } from "./scenario.ts"

const ADA = { id: newId() }

/** A backend whose `POST /v1/work` enqueues the job. */
function enqueues(work: Job<{ n: number }>): Partial<Backend> {
  return {
    routes: (app) =>
      app.post(
        "/v1/work",
        endpoint({
          summary: "Enqueue",
          access: signedIn,
          body: z.object({ n: z.number() }),
          answer: { status: 202, description: "Later" },
        }),
        async (c) => c.json(await c.var.ctx.enqueue(work, c.req.valid("json")), 202),
      ),
  }
}

test("a job that was enqueued runs after the answer, and its result is kept", async () => {
  const ran: unknown[] = []
  const work = job("work", {
    input: z.object({ n: z.number() }),
    run: ({ n }, { attempt }) => {
      ran.push([n, attempt])
      return { twice: n * 2 }
    },
  })
  const scenario = createJobScenario([work], enqueues(work))
  const ada = await scenario.as(ADA)
  const { status, body } = await ada.post("/v1/work", { body: { n: 21 } })
  expect(status).toBe(202)
  expect(await scenario.job(body.id)).toMatchObject({ state: "queued", attempts: 0 })
  await scenario.settled()
  expect(ran).toEqual([[21, 1]])
  expect(await scenario.job(body.id)).toMatchObject({
    state: "succeeded",
    attempts: 1,
    result: { twice: 42 },
    due_at: null,
  })
})

test("a job that fails is tried again by its backoff, and is dead with its errors in the end", async () => {
  const work = job("work", {
    input: z.object({ n: z.number() }),
    retries: 2,
    backoff: () => 60_000,
    run: () => {
      throw new Error("the printer is on fire")
    },
  })
  const scenario = createJobScenario([work], enqueues(work))
  const ada = await scenario.as(ADA)
  const { body } = await ada.post("/v1/work", { body: { n: 1 } })
  await scenario.run()
  expect(await scenario.job(body.id)).toMatchObject({ state: "retrying", attempts: 1 })
  for (let retry = 0; retry < 2; retry++) {
    scenario.advance(80_000)
    await scenario.run()
  }
  const dead = await scenario.job(body.id)
  expect(dead).toMatchObject({ state: "dead", attempts: 3, due_at: null })
  expect(dead.errors.map(({ attempt, message }) => [attempt, message])).toEqual(
    [1, 2, 3].map((attempt) => [attempt, "the printer is on fire"]),
  )
  expect(dead.errors[0]!.stack).toContain("jobs.test.ts")
})

test("a reaction runs for each change, with the record before and after", async () => {
  const seen: unknown[] = []
  const reaction = on(reviews, ["created", "updated"], ({ event, before, after }) => {
    seen.push([event, before?.stars, after?.stars, after?.hidden])
  })
  const scenario = createJobScenario([reaction])
  const service = await scenario.as("service")
  const film = await service.post("/v1/films", { body: { title: "Alien", priceCents: 999, stock: 1 } })
  await scenario.d1.prepare("INSERT INTO _users (id, created_at, updated_at) VALUES ('ada', 0, 0)").run()
  const review = { filmId: film.body.id, stars: 4, authorId: "ada" }
  const { body } = await service.post("/v1/reviews", { body: review })
  await service.patch(`/v1/reviews/${body.id}`, { body: { stars: 5 } })
  await scenario.settled()
  expect(seen).toEqual([
    ["created", undefined, 4, false],
    ["updated", 4, 5, false],
  ])
})
