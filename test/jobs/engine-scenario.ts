/** One job of a test's own, called `work`, and a route that enqueues it. */

import * as z from "zod"
import {
  type Backend,
  type EnqueueOptions,
  endpoint,
  type Job,
  type JobContext,
  job,
  signedIn,
} from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import { createJobScenario, type JobScenario } from "./scenario.ts"

export interface WorkOptions {
  run(input: { n: number }, context: JobContext): unknown
  retries?: number
  backoff?: (failures: number) => number
  timeout?: number
  concurrency?: number
  unique?: (input: { n: number }) => string
}

export interface WorkScenario extends JobScenario {
  readonly work: JobScenario["work"]
  /** By a request. @returns The id that the route was given. */
  enqueue(n: number, options?: Omit<EnqueueOptions, "runAt"> & { runAt?: number }): Promise<string>
  /** Many at once, by SQL: no message is sent for them. */
  insert(count: number): Promise<void>
  states(): Promise<Record<string, number>>
}

export function defineWork({ backoff = () => 1_000, ...options }: WorkOptions): Job<{ n: number }> {
  return job("work", { input: z.object({ n: z.number() }), backoff, ...options })
}

export function createWorkScenario(
  options: WorkOptions,
  others: readonly unknown[] = [],
  parts: Partial<Backend> = {},
): WorkScenario {
  const work = defineWork(options)
  const routes: Backend["routes"] = (app) =>
    app.post(
      "/v1/work",
      endpoint({
        summary: "Enqueue",
        access: signedIn,
        body: z.object({
          n: z.number(),
          delay: z.number().optional(),
          runAt: z.number().optional(),
          unique: z.string().optional(),
        }),
        answer: { status: 202, description: "Later" },
      }),
      async (c) => {
        const { n, runAt, ...rest } = c.req.valid("json")
        const when = { ...rest, ...(runAt !== undefined && { runAt: new Date(runAt) }) } as EnqueueOptions
        return c.json(await c.var.ctx.enqueue(work, { n }, when), 202)
      },
    )
  const scenario = createJobScenario([work, ...others], { routes, ...parts })
  const ada = { id: newId() }
  return {
    ...scenario,
    async enqueue(n, when = {}) {
      const { status, body } = await (await scenario.as(ada)).post("/v1/work", { body: { n, ...when } })
      if (status !== 202) throw new Error(JSON.stringify(body))
      return body.id
    },
    async insert(count) {
      await scenario.d1
        .prepare(
          `INSERT INTO _jobs (id, name, state, input, max_attempts, run_at, due_at, lane, lane_width, created_at)
SELECT value, 'work', 'queued', json_object('n', key), ?5, ?2, ?2 + 30000, ?3, ?4, ?2 FROM json_each(?1)`,
        )
        .bind(
          JSON.stringify(Array.from({ length: count }, () => newId())),
          ...[scenario.now(), options.concurrency === undefined ? null : "work", options.concurrency ?? null],
          (options.retries ?? 5) + 1,
        )
        .run()
    },
    async states() {
      const { results } = await scenario.d1
        .prepare("SELECT state, count(*) AS n FROM _jobs WHERE name = 'work' GROUP BY state")
        .all<{ state: string; n: number }>()
      return Object.fromEntries(results.map(({ state, n }) => [state, n]))
    },
  }
}

/** No test sees the jobs of another. */
export async function forgetJobs(d1: D1Database): Promise<void> {
  await d1.batch(["_jobs", "_schedules", "_sinks"].map((table) => d1.prepare(`DELETE FROM ${table}`)))
}
