/** What a request of an operator needs to change jobs. */

import type { Context } from "hono"
import type { AdministrationContext } from "../../jobs/administration.ts"
import { createDispatcher } from "../../jobs/dispatch.ts"
import type { AppEnv } from "../context.ts"
import type { AdminOptions } from "./options.ts"

export function administrationOf(c: Context<AppEnv>, { jobs }: Pick<AdminOptions, "jobs">): AdministrationContext {
  const { definitions, now, log } = jobs
  const { db, requestId } = c.get("state")
  const later = (work: Promise<unknown>) =>
    c.executionCtx.waitUntil(
      work.catch((error: unknown) => log({ level: "error", event: "failure", requestId, causes: [String(error)] })),
    )
  return { db, definitions, now, later, dispatcher: createDispatcher({ ...jobs, later }) }
}
