import { createWorker } from "selvedge/worker"
import { backend } from "./backend.ts"

export default createWorker(backend)
