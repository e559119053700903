import { createWorker } from "selvedge/worker"
import { backend } from "./backend.ts"

export { Limiter } from "selvedge/worker"

export default createWorker(backend)
