/** What comes about by itself is waited for; how soon it comes, only the benches ask. */

import { vi } from "vitest"

const PATIENCE_MS = 20_000

/** Calls until it no longer throws; what it last threw, where it throws for too long. */
export function eventually<Value>(check: () => Value | Promise<Value>): Promise<Value> {
  return vi.waitFor(check, { timeout: PATIENCE_MS })
}
