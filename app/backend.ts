/** The film shop, put together. */

import { defineBackend } from "selvedge"
import { collections } from "./collections.ts"
import { routes } from "./routes.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({
  tables,
  collections,
  routes,
  origins: ["http://localhost:8788", "http://127.0.0.1:8788"],
})
