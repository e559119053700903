/** What limits add to every operation that is limited: 429, and the headers that tell how much is left. */

import { UNLIMITED_PATH } from "../limited.ts"
import { headerRefs, refusals } from "./answers.ts"
import type { Json } from "./components.ts"

interface Operation {
  responses?: Record<string, { $ref?: string; headers?: Json }>
}

/** @param unlimited Paths, beside `/health`. */
export function withLimits(paths: Record<string, Json>, unlimited: ReadonlySet<string>): Record<string, Json> {
  for (const [path, item] of Object.entries(paths)) {
    if (path === UNLIMITED_PATH || unlimited.has(path)) continue
    for (const operation of Object.values(item) as Operation[]) {
      // of a plain handler nothing is known, and its parameters stand beside the operations
      if (operation.responses && Object.keys(operation.responses).join() !== "default") limitOperation(operation)
    }
  }
  return paths
}

function limitOperation(operation: Operation): void {
  const told = Object.entries(operation.responses!).map(([status, response]) => {
    if (response.$ref !== undefined || status === "default") return [status, response] as const
    return [
      status,
      { ...response, headers: { ...response.headers, ...headerRefs("RateLimit-Policy", "RateLimit") } },
    ] as const
  })
  operation.responses = { ...Object.fromEntries(told), ...refusals([429]) }
}
