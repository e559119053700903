/** What each request spends: of which class, and how much. */

import { LIMITED_ACTIONS, type LimitedAction, type LimitUse } from "../access/limit-use.ts"
import type { Collections } from "../access/model.ts"
import { SelvedgeError } from "../core/problem.ts"
import { compileClasses, DEFAULT_CLASS, type LimitClass, type LimitClasses, type LimitsOptions } from "./classes.ts"

export interface Charge {
  readonly limits: LimitClass
  readonly cost: number
}

export interface Limits {
  readonly classes: LimitClasses
  /** Of requests that nothing else is said of. */
  readonly read: Charge
  readonly write: Charge
  /** Of `/v1/auth`; undefined where it has no class of its own. */
  readonly auth: Charge | undefined
  /** Of the collections that say something. */
  readonly collections: ReadonlyMap<string, Readonly<Record<LimitedAction, Charge>>>
}

const WRITES: readonly LimitedAction[] = ["create", "update", "delete"]

/** @throws TypeError that names the place, what is wrong there and how to mend it. */
export function compileLimits(options: LimitsOptions, collections: Collections): Limits {
  const classes = compileClasses(options)
  const read = { limits: classes.get(DEFAULT_CLASS)!, cost: 1 }
  const write = { limits: classes.get("write") ?? read.limits, cost: 1 }
  const auth = classes.get("auth")
  const own = new Map<string, Record<LimitedAction, Charge>>()
  for (const { name, limit } of collections.values()) {
    const unknown = Object.keys(limit).find((action) => !LIMITED_ACTIONS.includes(action as LimitedAction))
    if (unknown) fail(`${name}.limit.${unknown}`, "there is no such action", `use ${LIMITED_ACTIONS.join(", ")}`)
    if (Object.keys(limit).length === 0) continue
    const charges = LIMITED_ACTIONS.map((action) => {
      const use = limit[action] ?? (["search", "aggregate"].includes(action) ? limit.list : undefined)
      return [action, chargeOf(classes, `${name}.limit.${action}`, use, WRITES.includes(action) ? write : read)]
    })
    own.set(name, Object.fromEntries(charges))
  }
  return { classes, read, write, auth: auth && { limits: auth, cost: 1 }, collections: own }
}

/** An operation of a batch. */
export interface Write {
  /** Its name, as the request has it. */
  readonly collection: string
  readonly action: LimitedAction
}

/**
 * What operations of a batch spend beside the batch: what they would alone, where their collection says so.
 *
 * @throws SelvedgeError `payload_too_large` for more than may ever be spent at once.
 */
export function chargesOf({ collections, write }: Limits, writes: readonly Write[]): Charge[] {
  const costs = new Map<LimitClass, number>()
  for (const { collection, action } of writes) {
    const charge = collections.get(collection)?.[action] ?? write
    if (charge !== write) costs.set(charge.limits, (costs.get(charge.limits) ?? 0) + charge.cost)
  }
  for (const [{ name, rule }, cost] of costs) {
    if (cost <= rule.burst) continue
    throw new SelvedgeError(
      "payload_too_large",
      `The batch costs ${cost} of ${name}, which allows ${rule.burst} at once.`,
    )
  }
  return [...costs].map(([limits, cost]) => ({ limits, cost }))
}

/** What a PUT is: it may create, unless it names a version. */
export function putAction({ collections, write }: Limits, collection: string, hasVersion: boolean): LimitedAction {
  return !hasVersion && collections.get(collection)?.create !== write ? "create" : "update"
}

/**
 * @param usual For requests that name no class.
 * @throws TypeError that names the place, what is wrong there and how to mend it.
 */
export function chargeOf(classes: LimitClasses, place: string, use: LimitUse | undefined, usual: Charge): Charge {
  if (!use) return usual
  const { cost = 1 } = use
  const limits = use.class === undefined ? usual.limits : classes.get(use.class)
  if (!limits)
    return fail(
      place,
      `there is no class ${use.class}`,
      `declare it in limits, or use ${[...classes.keys()].join(", ")}`,
    )
  const { burst } = limits.rule
  if (!Number.isInteger(cost) || cost < 1 || cost > burst)
    fail(place, `the cost ${cost} is no whole number from 1 to the burst of ${limits.name}, ${burst}`, "choose one")
  return { limits, cost }
}

function fail(place: string, wrong: string, mend: string): never {
  throw new TypeError(`${place}: ${wrong}; ${mend}`)
}
