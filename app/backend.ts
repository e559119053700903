/** The film shop, put together. */

import { defineBackend } from "selvedge"
import { collections } from "./collections.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({ tables, collections })
