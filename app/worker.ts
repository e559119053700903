import { createObjects, createWorker, type Env } from "selvedge/worker"
import { backend } from "./backend.ts"

const objects = createObjects(backend)
const api = createWorker(backend)

export { Limiter } from "selvedge/worker"
export class Feed extends objects.Feed {}
export class Clock extends objects.Clock {}
export class Hub extends objects.Hub {}
export class Topic extends objects.Topic {}

export default {
  ...api,
  async fetch(request, env, execution) {
    const answer = await api.fetch!(request, env, execution)
    return answer.status === 404 && isVisit(request) ? lostPage(request, env) : answer
  },
} satisfies ExportedHandler<Env & Cloudflare.Env>

/** Somebody who types an address, not a program that calls the API. */
function isVisit({ url, headers }: Request): boolean {
  return headers.get("Sec-Fetch-Mode") === "navigate" && !new URL(url).pathname.startsWith("/v1/")
}

async function lostPage({ url }: Request, { ASSETS }: Cloudflare.Env): Promise<Response> {
  const { body, headers } = await ASSETS.fetch(new URL("/404", url))
  return new Response(body, { status: 404, headers })
}
