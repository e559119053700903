/** The Worker of the tests of live queries and channels. */

import { createObjects, createWorker } from "selvedge/worker"
import { backend } from "./backend.ts"

export { Limiter } from "selvedge/worker"

const objects = createObjects(backend)
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}
export class Hub extends objects.Hub {}
export class Topic extends objects.Topic {}

export default createWorker(backend)
