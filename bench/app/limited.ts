/** Selvedge with the limit that a backend has which says nothing of limits: 600 requests in 60 seconds. */

import { defineBackend } from "selvedge"
import { createObjects, createWorker } from "selvedge/worker"
import { collections } from "./backend.ts"
import * as tables from "./schema.ts"

const backend = defineBackend({ tables, collections })
const objects = createObjects(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}

export default createWorker(backend)
