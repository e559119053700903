/** What the operator's routes are made of. */

import type { Collections } from "../../access/model.ts"
import type { Secrets } from "../../auth/secrets.ts"
import type { SinkStatus } from "../../changes/sink.ts"
import type { Clock } from "../../core/clock.ts"
import type { JobSystem } from "../../jobs/system.ts"

export interface AdminOptions {
  readonly backend: {
    readonly collections: Collections
    readonly auth: { readonly url: string | undefined } | undefined
  }
  readonly jobs: JobSystem
  readonly feed: { status(): Promise<SinkStatus[]> }
  readonly secrets: Secrets
  /** Whether this is a developer's machine. */
  readonly isLocal: boolean
  readonly now: Clock
}
