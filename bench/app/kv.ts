/** Selvedge whose isolate knows nothing yet, at each request anew: kept answers come out of KV. */

import type { Env } from "selvedge/worker"
import { ResponseCache } from "../../src/cache/response-cache.ts"
import worker, { backend, Clock, Feed, Limiter } from "./cached.ts"

export { Clock, Feed, Limiter }

const { collections } = backend
const { find } = ResponseCache.prototype
let kv: Env["CACHE"]

ResponseCache.prototype.find = (wanted, request) =>
  find.call(new ResponseCache({ kv, collections, now: Date.now, log: () => {} }), wanted, request)

export default {
  fetch(request, env, execution) {
    kv = env.CACHE
    return worker.fetch!(request, env, execution)
  },
} satisfies ExportedHandler<Env>
