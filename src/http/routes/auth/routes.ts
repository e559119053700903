/** All routes of `/v1/auth`, as far as the application has turned them on. */

import type { Hono } from "hono"
import type { Collections } from "../../../access/model.ts"
import { protectCookie } from "../../auth/answers.ts"
import type { AuthService } from "../../auth/service.ts"
import type { AppEnv } from "../../context.ts"
import { userAdminRoutes } from "../user-admin.ts"
import { emailCodeRoutes, emailLinkRoutes, emailRoutes } from "./email.ts"
import { exchangeRoutes } from "./exchange.ts"
import { keyRoutes, serviceKeyRoutes } from "./keys.ts"
import { mfaRoutes } from "./mfa.ts"
import { pageRoutes } from "./pages.ts"
import { passkeyRoutes } from "./passkeys.ts"
import { passwordRoutes } from "./password.ts"
import { passwordChangeRoutes } from "./password-change.ts"
import { providerRoutes } from "./providers.ts"
import { sessionRoutes } from "./session.ts"
import { ownSessionRoutes } from "./sessions.ts"
import { totpRoutes } from "./totp.ts"
import { ownAccountRoutes } from "./user.ts"

export function authRoutes(app: Hono<AppEnv>, service: AuthService, collections: Collections): void {
  app.use("/v1/auth/*", protectCookie(service.origins))
  sessionRoutes(app, service)
  ownSessionRoutes(app, service)
  ownAccountRoutes(app, service)
  if (service.settings.password) {
    passwordRoutes(app, service)
    passwordChangeRoutes(app, service)
  }
  if (service.settings.emailCode) emailCodeRoutes(app, service)
  const hasProviders = Object.keys(service.settings.providers).length > 0
  if (service.settings.emailLink) emailLinkRoutes(app, service)
  if (hasProviders) providerRoutes(app, service)
  if (service.settings.emailLink || hasProviders) exchangeRoutes(app, service)
  emailRoutes(app, service)
  pageRoutes(app, service)
  if (service.settings.passkeys) passkeyRoutes(app, service)
  if (service.settings.totp) {
    mfaRoutes(app, service)
    totpRoutes(app, service)
  }
  if (service.settings.apiKeys) keyRoutes(app, service, collections)
  serviceKeyRoutes(app, service)
  userAdminRoutes(app, service)
}
