/** Access rules: functions of the caller that answer yes, no, or a filter over the row. */

import type { Caller } from "../core/caller.ts"

/** A rule whose answer does not depend on the row; fields are read and written by such rules. */
export type CallerRule = (caller: Caller) => boolean

/** Everyone, signed in or not. Public access is always spelled out with this word. */
export const anyone = (_caller: Caller): true => true

/** No caller at all; only the service. A missing rule means the same. */
export const nobody = (_caller: Caller): false => false

/** Every caller with an account. */
export const signedIn = (caller: Caller): boolean => caller.kind === "user"

/** Callers who hold at least one of the roles. */
export function role(...names: [string, ...string[]]): CallerRule {
  return (caller) => names.some((name) => caller.roles.includes(name))
}

/** The user whose id stands in `column`. Never an anonymous caller, not even for a row without an owner. */
export function owner<K extends string>(column: K): (caller: Caller) => false | { [P in K]: string } {
  return (caller) => (caller.kind === "user" ? ({ [column]: caller.id } as { [P in K]: string }) : false)
}

type AnyRules = readonly ((caller: Caller) => boolean | object)[]
type FiltersOf<R extends AnyRules> = Exclude<ReturnType<R[number]>, boolean>

/** Allowed when one of the rules allows it. */
export function anyOf<const R extends AnyRules>(...rules: R): (caller: Caller) => boolean | { or: FiltersOf<R>[] } {
  return (caller) => {
    const answers = rules.map((rule) => rule(caller))
    if (answers.includes(true)) return true
    const filters = answers.filter((answer): answer is FiltersOf<R> => typeof answer === "object")
    return filters.length > 0 && { or: filters }
  }
}

/** Allowed when all of the rules allow it. */
export function allOf<const R extends AnyRules>(...rules: R): (caller: Caller) => boolean | { and: FiltersOf<R>[] } {
  return (caller) => {
    const answers = rules.map((rule) => rule(caller))
    if (!answers.every(Boolean)) return false
    const filters = answers.filter((answer): answer is FiltersOf<R> => typeof answer === "object")
    return filters.length === 0 || { and: filters }
  }
}
