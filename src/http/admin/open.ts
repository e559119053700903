/** The operator's routes that are about work without a request. Loaded with the first request that needs them. */

import type { Hono } from "hono"
import type { AppEnv } from "../context.ts"
import { changeAdminRoutes } from "../routes/change-admin.ts"
import { jobAdminRoutes } from "../routes/job-admin.ts"
import { scheduleAdminRoutes } from "../routes/schedule-admin.ts"
import { statsAdminRoutes } from "../routes/stats-admin.ts"
import { webhookAdminRoutes } from "../routes/webhook-admin.ts"
import type { AdminOptions } from "./options.ts"

/** @returns What adds the routes to an application. */
export function openAdmin(options: AdminOptions): (app: Hono<AppEnv>) => void {
  return (app) => {
    jobAdminRoutes(app, options)
    scheduleAdminRoutes(app, options)
    changeAdminRoutes(app, options)
    statsAdminRoutes(app, options)
    webhookAdminRoutes(app, options)
  }
}
