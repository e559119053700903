/** `/v1/admin/webhooks` and `/v1/admin/deliveries`. */

import type { Hono } from "hono"
import type { AdminOptions } from "../admin/options.ts"
import type { AppEnv } from "../context.ts"

export function webhookAdminRoutes(_app: Hono<AppEnv>, _options: AdminOptions): void {}
