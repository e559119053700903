/** Calls of topics by those who can say to their callers that it failed. */

import { SelvedgeError } from "../core/problem.ts"
import { inTime } from "../core/wait.ts"

const LONGEST_CALL_MS = 10_000

/** Nothing is called twice: what it was to do may have been done. @throws SelvedgeError `overloaded` */
export async function callTopic<V>(call: () => Promise<V>): Promise<V> {
  try {
    return await inTime(call(), LONGEST_CALL_MS, () =>
      Promise.reject(new Error(`it took longer than ${LONGEST_CALL_MS} ms`)),
    )
  } catch (cause) {
    const headers = { "Retry-After": "1" }
    throw new SelvedgeError("overloaded", "The topic can't be reached at the moment.", { headers, cause })
  }
}
