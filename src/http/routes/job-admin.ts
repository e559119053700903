/** `/v1/admin/jobs` and what belongs to them: schedules, changes, stats`. */

import type { Hono } from "hono"
import type { AdminOptions } from "../admin/options.ts"
import type { AppEnv } from "../context.ts"

export function jobAdminRoutes(_app: Hono<AppEnv>, _options: AdminOptions): void {}
