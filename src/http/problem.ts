/** Refusals as answers. */

import { toProblem } from "../core/problem-document.ts"
import type { RequestState } from "./context.ts"
import { reply } from "./reply.ts"

export function problemResponse(error: unknown, instance: string, state: RequestState): Response {
  const { problem, headers } = toProblem(error, instance, state.requestId)
  return reply(state, JSON.stringify(problem), problem.status, {
    "Content-Type": "application/problem+json",
    ...headers,
  })
}
