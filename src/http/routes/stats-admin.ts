/** `/v1/admin/stats`: how the whole is doing. */

import type { Hono } from "hono"
import * as z from "zod"
import type { AdminOptions } from "../admin/options.ts"
import { COUNTED_UP_TO, readStats } from "../admin/stats.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"

const count = z.int()
const { jobs, users, sessions } = COUNTED_UP_TO

const statsSchema = z.object({
  seq: count.describe("Of the newest change."),
  sinks: z
    .array(z.object({ name: z.string(), seq: count, failures: count, lag: count }))
    .describe("Who takes the changes: the last one each took, failures since, and how many it has yet to take."),
  jobs: z.array(z.object({ state: z.string(), name: z.string(), count })),
  users: count,
  sessions: count.describe("Those that are open."),
  countedUpTo: z.object({ jobs: count, users: count, sessions: count }),
})

export function statsAdminRoutes(app: Hono<AppEnv>, { feed, now }: AdminOptions): void {
  app.get(
    "/v1/admin/stats",
    endpoint({
      summary: "Read figures of jobs, feed and accounts",
      description: `One call to the feed and one trip to the database, which reads up to ${jobs} jobs of each state, the newest, ${users} accounts and ${sessions} sessions: what is more isn't counted.`,
      access: admin,
      strict: true,
      answer: { status: 200, description: "The figures", schema: statsSchema },
    }),
    async (c) => c.json(await readStats(c.get("state").db, feed, now())),
  )
}
