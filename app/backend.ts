/** The film shop, put together. */

import { defineBackend } from "selvedge"
import { auth } from "./auth.ts"
import * as channels from "./channels.ts"
import { collections } from "./collections.ts"
import * as jobs from "./jobs.ts"
import { routes } from "./routes.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({
  tables,
  collections,
  auth,
  jobs,
  channels,
  routes,
  limits: { default: { limit: 600, windowS: 60 } },
  info: {
    title: "The film shop",
    version: "1.0.0",
    description: "Films and who made them, reviews, a cart and orders.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  origins: ["http://localhost:8788", "http://127.0.0.1:8788"],
})
