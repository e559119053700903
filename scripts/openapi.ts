/** `npm run -s openapi`: prints the OpenAPI document of the application, as `/openapi.json` answers it. */

import { Hono } from "hono"
import { backend } from "../app/backend.ts"
import { openAdmin } from "../src/http/admin/open.ts"
import type { AdminOptions } from "../src/http/admin/options.ts"
import type { AuthService } from "../src/http/auth/service.ts"
import type { AppEnv } from "../src/http/context.ts"
import { createDocument } from "../src/http/openapi/document.ts"
import { authRoutes } from "../src/http/routes/auth/routes.ts"

const app = new Hono<AppEnv>()
if (backend.auth) authRoutes(app, { settings: backend.auth } as AuthService, backend.collections)
openAdmin({} as AdminOptions)(app)
backend.routes?.(app)
const live = { hasChannels: backend.channels.size > 0 }
console.log(JSON.stringify(createDocument({ ...backend, live, routes: app.routes }), null, 2))
