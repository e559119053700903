/**
 * What a live query's places end with: where it began, and a proof that it did. The log tells more than a list: what was
 * there for a moment, and what has been mended since. Who wasn't there to see it is not to have it told afterwards.
 */

import { isEqual } from "../auth/secrets.ts"
import type { HubOptions } from "./hub-context.ts"
import { identityOf, type LivePlan } from "./plan.ts"
import { type QueryPosition, shortEpoch } from "./position.ts"
import type { QuerySubscription } from "./subscription.ts"

const PROOF_LENGTH = 16

type Proving = Pick<HubOptions, "prove">

/** Made when a place is first told. */
export function sealOf(proving: Proving, subscription: QuerySubscription): string {
  const { plan, epoch, at } = subscription
  subscription.seal ??= sealFrom(proving, plan, shortEpoch(epoch), at)
  return subscription.seal
}

/** @returns The place, if this query of this caller, with these roles, was there. */
export function ifGenuine(
  proving: Proving,
  plan: LivePlan,
  place: QueryPosition | undefined,
): QueryPosition | undefined {
  if (!place) return undefined
  const start = Number.parseInt(place.seal.slice(PROOF_LENGTH), 36)
  const isGenuine = start <= place.seq && isEqual(place.seal, sealFrom(proving, plan, place.epoch, start))
  return isGenuine ? place : undefined
}

function sealFrom({ prove }: Proving, plan: LivePlan, epoch: string, start: number): string {
  return prove(JSON.stringify([epoch, start, identityOf(plan)])).slice(0, PROOF_LENGTH) + start.toString(36)
}
