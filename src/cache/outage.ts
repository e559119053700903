/** Which errors say that no answer can be made now, and nothing of the question. */

import { SelvedgeError } from "../core/problem.ts"

export function isOutage(error: unknown): boolean {
  return !(error instanceof SelvedgeError) || ["overloaded", "timeout"].includes(error.code)
}
