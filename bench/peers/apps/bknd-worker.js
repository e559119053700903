/** bknd as a Worker; warm, as its app is built once in an isolate and not for each request. */

import { serve } from "bknd/adapter/cloudflare"
import { config, sync } from "./bknd-config.js"

export default serve({ ...config, bindings: (env) => ({ db: env.DB }), onBuilt: sync }, () => ({ warm: true }))
