/** Live queries of both kinds. */

import type { Push } from "../core/live.ts"
import { Following, keep } from "./following.ts"
import type { HubContext } from "./hub-context.ts"
import type { LivePlan } from "./plan.ts"
import type { QueryPosition } from "./position.ts"
import { Rerunning } from "./rerunning.ts"
import type { QuerySubscription } from "./subscription.ts"

export class Queries {
  readonly #context: HubContext
  readonly #following: Following
  readonly #rerunning: Rerunning

  constructor(context: HubContext) {
    this.#context = context
    this.#following = new Following(context)
    this.#rerunning = new Rerunning(context)
  }

  listening(table: string): number {
    return this.#following.listening(table) + this.#rerunning.listening(table)
  }

  start(subscription: QuerySubscription, since: QueryPosition | undefined): Promise<void> {
    return this.#kindOf(subscription.plan).start(subscription, since)
  }

  resume(subscription: QuerySubscription): void {
    this.#kindOf(subscription.plan).resume(subscription)
  }

  stop(subscription: QuerySubscription): void {
    this.#kindOf(subscription.plan).stop(subscription)
  }

  /** Its caller is another, or may see other things. */
  async rebind(subscription: QuerySubscription, plan: LivePlan): Promise<void> {
    const isSame = plan.view === subscription.plan.view
    const isLive = subscription.early === undefined && subscription.epoch !== ""
    if (!isSame || !isLive) this.stop(subscription)
    subscription.plan = plan
    if (!isSame || !isLive) return this.start(subscription, undefined)
    subscription.seal = undefined
    keep(this.#context, subscription)
  }

  /** All that are kept have been taken up. */
  restored(): void {
    this.#rerunning.restored()
  }

  take(table: string, push: Push): void {
    this.#following.take(table, push)
    this.#rerunning.take(table, push)
  }

  /** Nothing says any more what has changed since. */
  async refresh(table: string): Promise<void> {
    this.#rerunning.refresh(table)
    await this.#following.refresh(table)
  }

  #kindOf({ follows }: LivePlan): Following | Rerunning {
    return follows ? this.#following : this.#rerunning
  }
}
