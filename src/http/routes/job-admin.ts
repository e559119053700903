/** `/v1/admin/jobs`: jobs, and above all the dead ones. */

import type { Hono } from "hono"
import * as z from "zod"
import { cancelJob, discardJob, getJob, MOST_RETRIED, retryJob, retryJobs } from "../../jobs/administration.ts"
import { MANAGED_COLUMNS, toManagedJob } from "../../jobs/managed.ts"
import { administrationOf } from "../admin/administration.ts"
import { JOB_STATES, jobSchema } from "../admin/job-answers.ts"
import type { AdminOptions } from "../admin/options.ts"
import { admin } from "../admin.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { pageParameters, pageSchema, readPage } from "../keyset.ts"

const name = z.string().min(1).max(100)
const BYTES = "octet_length(input) + coalesce(octet_length(result), 0) + octet_length(errors)"

export function jobAdminRoutes(app: Hono<AppEnv>, options: AdminOptions): void {
  app.get(
    "/v1/admin/jobs",
    endpoint({
      summary: "List the jobs",
      description:
        "Newest first. A page holds at most 4 MB, so it may be shorter than `limit`. Jobs that succeeded or were cancelled are kept for a week, dead ones until they are retried or discarded.",
      access: admin,
      strict: true,
      query: z.object({ ...pageParameters, state: z.enum(JOB_STATES).optional(), name: name.optional() }),
      answer: { status: 200, description: "The jobs", schema: pageSchema(jobSchema) },
    }),
    async (c) => {
      const { state, name, ...query } = c.req.valid("query")
      const listing = {
        from: "_jobs",
        ids: "text" as const,
        columns: MANAGED_COLUMNS,
        conditions: [
          ["state = ?", state],
          ["name = ?", name],
        ] as const,
        bytes: BYTES,
      }
      return c.json(await readPage(c.get("state").db, listing, query, toManagedJob))
    },
  )
  app.get(
    "/v1/admin/jobs/:id",
    endpoint({
      summary: "Read a job",
      access: admin,
      strict: true,
      answer: { status: 200, description: "The job", schema: jobSchema },
    }),
    async (c) => c.json(await getJob(c.get("state"), c.req.param("id"))),
  )
  app.post(
    "/v1/admin/jobs/retry",
    endpoint({
      summary: "Run all dead or cancelled jobs of a name again",
      description: `The oldest first, and at most ${MOST_RETRIED} with one call. A job whose equal, by its unique key, waits or runs already stays as it is. 409 where no job is declared under the name.`,
      access: admin,
      strict: true,
      body: z.strictObject({ name, state: z.enum(["dead", "cancelled"]) }),
      answer: { status: 200, description: "How many will run", schema: z.object({ retried: z.int() }) },
    }),
    async (c) => {
      const { name, state } = c.req.valid("json")
      return c.json({ retried: await retryJobs(administrationOf(c, options), name, state) })
    },
  )
  app.post(
    "/v1/admin/jobs/:id/retry",
    endpoint({
      summary: "Run a job again",
      description:
        "Takes jobs that are dead, cancelled or retrying, and gives them all their attempts anew; their errors stay. `input` takes the place of the job's own and is checked as when it was enqueued. What `once` has kept isn't done again, whatever the input is now. 409 in another state, where an equal job waits or runs already, and where no job is declared under its name.",
      access: admin,
      strict: true,
      body: z.strictObject({ input: z.unknown().optional() }).optional(),
      answer: { status: 200, description: "The job, queued", schema: jobSchema },
    }),
    async (c) => {
      const body = c.req.valid("json")
      return c.json(await retryJob(administrationOf(c, options), c.req.param("id"), body?.input))
    },
  )
  app.post(
    "/v1/admin/jobs/:id/cancel",
    endpoint({
      summary: "Cancel a job",
      description:
        "One that runs is told by its `signal` within 5 seconds, and whatever it still does, it is cancelled. 409 when it has ended.",
      access: admin,
      strict: true,
      answer: { status: 200, description: "The job, cancelled", schema: jobSchema },
    }),
    async (c) => c.json(await cancelJob(administrationOf(c, options), c.req.param("id"))),
  )
  app.delete(
    "/v1/admin/jobs/:id",
    endpoint({
      summary: "Discard a job that has ended",
      description: "409 when it hasn't.",
      access: admin,
      strict: true,
      answer: { status: 204, description: "It is gone" },
    }),
    async (c) => {
      await discardJob(c.get("state"), c.req.param("id"))
      return c.body(null, 204)
    },
  )
}
