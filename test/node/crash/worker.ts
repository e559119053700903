import { createObjects, createWorker } from "selvedge/worker"
import { backend } from "./app.ts"

const objects = createObjects(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}
export class Hub extends objects.Hub {}
export class Topic extends objects.Topic {}

export default createWorker(backend)
