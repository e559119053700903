/** An admin of a backend with jobs of a test's own, and a route that enqueues them. */

import * as z from "zod"
import type { EnqueueOptions, JobHandle } from "../../src/core/job.ts"
import { type Backend, endpoint, type Job, signedIn } from "../../src/index.ts"
import { newId } from "../../src/tables.ts"
import type { Client } from "../fixture/scenario.ts"
import { createJobScenario, type JobScenario } from "./scenario.ts"

export interface AdminScenario extends JobScenario {
  /** By a session. */
  readonly admin: Client
  /** @returns The job's id. */
  enqueue(name: string, input: unknown, options?: Pick<EnqueueOptions, "delay" | "unique">): Promise<string>
}

const ENQUEUE = endpoint({
  summary: "Enqueue",
  access: signedIn,
  body: z.object({
    name: z.string(),
    input: z.unknown(),
    options: z.object({ delay: z.number().exactOptional(), unique: z.string().exactOptional() }),
  }),
  answer: { status: 202, description: "Later" },
})

export async function createAdminScenario(declared: readonly unknown[]): Promise<AdminScenario> {
  const jobs = new Map((declared as Job[]).map((job) => [job.name, job]))
  const parts: Partial<Backend> = {
    routes: (app) =>
      app.post("/v1/enqueue", ENQUEUE, async (c) => {
        const { name, input, options } = c.req.valid("json")
        return c.json(await c.var.ctx.enqueue(jobs.get(name) as unknown as JobHandle<unknown>, input, options), 202)
      }),
  }
  const scenario = createJobScenario(declared, parts)
  const id = newId()
  await scenario.d1
    .prepare("INSERT INTO _users (id, roles, created_at, updated_at) VALUES (?, '[\"admin\"]', 0, 0)")
    .bind(id)
    .run()
  const service = await scenario.as("service")
  return {
    ...scenario,
    admin: await scenario.as({ id, roles: ["admin"], session: true }),
    enqueue: async (name, input, options = {}) =>
      (await service.post("/v1/enqueue", { body: { name, input, options } })).body.id,
  }
}
