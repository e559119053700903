/** `/v1/admin/schedules`: what comes by the calendar, and how it went. */

import type { Hono } from "hono"
import { listSchedules, runSchedule } from "../../jobs/schedule-administration.ts"
import { administrationOf } from "../admin/administration.ts"
import { jobSchema, scheduleSchema } from "../admin/job-answers.ts"
import type { AdminOptions } from "../admin/options.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageSchema } from "../keyset.ts"

export function scheduleAdminRoutes(app: Hono<AppEnv>, options: AdminOptions): void {
  app.get(
    "/v1/admin/schedules",
    endpoint({
      summary: "List the schedules",
      description: "All of them in one page, by name, each with the result of its newest run.",
      access: admin,
      strict: true,
      answer: { status: 200, description: "The schedules", schema: pageSchema(scheduleSchema) },
    }),
    async (c) => {
      const { schedules, now } = options.jobs
      const data = await listSchedules(c.get("state").db, schedules, now())
      return c.json({ data, page: { next: null, previous: null } })
    },
  )
  app.post(
    "/v1/admin/schedules/:name/run",
    endpoint({
      summary: "Run a schedule now",
      description: "Its calendar stays as it is.",
      access: admin,
      strict: true,
      answer: { status: 202, description: "The job that it made", schema: jobSchema },
    }),
    async (c) => {
      const { requestId } = c.get("state")
      const job = await runSchedule(
        administrationOf(c, options),
        options.jobs.schedules,
        c.req.param("name"),
        requestId,
      )
      return c.json(job, 202)
    },
  )
}
