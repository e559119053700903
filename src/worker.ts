/** `selvedge/worker`: a backend as the default export of a Worker. */

import type { Backend } from "./index.ts"
import { type Apps, openApps } from "./worker/apps.ts"
import { backgroundOf, dispatchOf, type Env, log, now } from "./worker/env.ts"

export { Limiter } from "./limits/limiter.ts"
export type { Env } from "./worker/env.ts"
export { createObjects } from "./worker/objects.ts"

/** Paths whose application has sign-in, and the document that describes it. */
const WITH_SIGN_IN = /^https?:\/\/[^/]+\/(?:v1\/(?:auth|admin)\/|openapi\.json|\.well-known\/webauthn)/
/** How the name of the queue ends that takes what the other gave up on. */
const DEAD_QUEUE = /-dead$/

/**
 * @example
 * export default createWorker(backend)
 */
export function createWorker(backend: Backend): ExportedHandler<Env> {
  let apps: Apps | undefined
  return {
    fetch(request, env, execution) {
      if (!apps) {
        apps = openApps(backend, env)
        execution.waitUntil(wakeClock(env).catch(logFailure))
      }
      if (!WITH_SIGN_IN.test(request.url)) return apps.data.fetch(request, env, execution)
      return apps.whole().then((app) => app.fetch(request, env, execution))
    },
    async queue(batch, env, execution) {
      const later = (work: Promise<unknown>) => execution.waitUntil(work.catch(logFailure))
      const { openJobs } = await import("./worker/background.ts")
      const { consume } = await import("./jobs/consumer.ts")
      const { consumeDead } = await import("./jobs/messages.ts")
      const system = openJobs(backgroundOf(backend, env), later)
      await (DEAD_QUEUE.test(batch.queue)
        ? consumeDead(batch.messages, system)
        : consume(batch.messages, system, later))
    },
    async scheduled(_, env) {
      await wakeClock(env)
    },
  }
}

/** What fails after the answer has nobody else to tell. */
function logFailure(error: unknown): void {
  log({ level: "error", event: "failure", causes: [String(error)] })
}

/** It may have missed what was due while nothing ran, and on a developer's machine nobody else wakes it. */
async function wakeClock(env: Env): Promise<void> {
  await dispatchOf(env).clock.wakeBy(now())
}
