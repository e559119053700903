/** Tries every access rule when the backend starts, so that a wrong one doesn't wait for its first caller. */

import { ANONYMOUS, type Caller } from "../core/caller.ts"
import { FilterError, type FilterNode, MOST_FILTER_CONDITIONS, parseFilter } from "./filter.ts"
import { ACTIONS, type AnyRule, type Collection, type Collections } from "./model.ts"
import { reachedByFilter } from "./reach.ts"
import { ruleScope } from "./visibility.ts"

/** A rule may use half of what one statement can hold; the caller's own filter needs the rest. */
export const MOST_RULE_CONDITIONS = MOST_FILTER_CONDITIONS / 2

const PROBE_ID = "00000000-0000-7000-8000-000000000000"

/** @throws TypeError that names the rule and what is wrong with it. */
export function checkRules(collections: Collections): void {
  for (const collection of collections.values()) {
    const tried = new Set<AnyRule>()
    for (const action of ACTIONS) {
      const rule = collection.access[action]
      if (!rule || tried.has(rule)) continue
      tried.add(rule)
      const isLive = collection.live && action === "read"
      for (const caller of probes(rule))
        checkRule(`${collection.name}.access.${action}`, collection, rule, caller, isLive)
    }
  }
}

/** Nobody, a plain user, and users with each of the roles, and with all of the roles, that the rule asks about. */
export function probes(rule: AnyRule): Caller[] {
  const asked = new Set<string>()
  const roles = new Proxy<string[]>([], {
    get: (target, key) => {
      if (key !== "includes") return Reflect.get(target, key)
      return (name: string) => {
        asked.add(name)
        return false
      }
    },
  })
  const user = (held: readonly string[]): Caller => ({ kind: "user", id: PROBE_ID, roles: held })
  rule(user(roles))
  return [ANONYMOUS, user([]), ...[...asked].map((name) => user([name])), ...(asked.size > 1 ? [user([...asked])] : [])]
}

function checkRule(place: string, collection: Collection, rule: AnyRule, caller: Caller, isLive: boolean): void {
  const answer = rule(caller)
  if (typeof answer === "boolean") return
  const parsed = parse(place, answer, collection)
  const conditions = countConditions(parsed)
  if (conditions > MOST_RULE_CONDITIONS) {
    throw new TypeError(
      `${place}: ${conditions} conditions are more than a rule may have (${MOST_RULE_CONDITIONS}); shorten it`,
    )
  }
  const silent = isLive && reachedByFilter(parsed).find(({ isRecord }) => !isRecord)
  if (silent) {
    throw new TypeError(
      `${place}: it goes through ${silent.name}, whose changes aren't noted, and the collection is live; spread recordColumns() into the table's columns, or take live away`,
    )
  }
}

function parse(place: string, answer: unknown, collection: Collection): FilterNode {
  if (answer === undefined) throw new TypeError(`${place}: the rule answers undefined; answer true, false or a filter`)
  try {
    return parseFilter(answer, ruleScope(collection))
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    const known = [...collection.table.byKey.keys(), ...collection.relations.keys()].join(", ")
    throw new TypeError(`${place}: ${error.message}; the columns and relations are ${known}`)
  }
}

/** Single conditions; each step through a relation counts as one. */
export function countConditions(filter: FilterNode): number {
  switch (filter.type) {
    case "constant":
      return 0
    case "and":
    case "or":
      return filter.parts.reduce((sum, part) => sum + countConditions(part), 0)
    case "not":
      return countConditions(filter.part)
    case "related":
      return 1 + countConditions(filter.part)
    default:
      return 1
  }
}
