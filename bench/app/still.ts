/** Selvedge without the feed: what waking it costs is the difference. */

import type { Env } from "selvedge/worker"
import worker, { Clock, Feed, Limiter } from "./worker.ts"

export { Clock, Feed, Limiter }

const nobody = { wake: async () => {}, prune: async () => {}, status: async () => [] }

export default {
  fetch: (request, env, execution) => worker.fetch!(request, { ...env, FEED: { getByName: () => nobody } }, execution),
} satisfies ExportedHandler<Env>
