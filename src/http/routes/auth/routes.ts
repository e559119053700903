/** All routes of `/v1/auth`, as far as the application has turned them on. */

import type { Hono } from "hono"
import type { AuthService } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { mfaRoutes } from "./mfa.ts"
import { passwordRoutes } from "./password.ts"
import { sessionRoutes } from "./session.ts"
import { totpRoutes } from "./totp.ts"

export function authRoutes(app: Hono<AppEnv>, service: AuthService): void {
  sessionRoutes(app, service)
  if (service.settings.password) passwordRoutes(app, service)
  if (service.settings.totp) {
    mfaRoutes(app, service)
    totpRoutes(app, service)
  }
}
