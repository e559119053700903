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

/** Allowed when one of the rules allows it. */
export function anyOf<F extends object = never>(
  ...rules: ((caller: Caller) => boolean | F)[]
): (caller: Caller) => boolean | { or: F[] } {
  return (caller) => {
    const filters: F[] = []
    for (const rule of rules) {
      const answer = rule(caller)
      if (answer === true) return true
      if (answer) filters.push(answer)
    }
    return filters.length > 0 && { or: filters }
  }
}

/** Allowed when all of the rules allow it. */
export function allOf<F extends object = never>(
  ...rules: ((caller: Caller) => boolean | F)[]
): (caller: Caller) => boolean | { and: F[] } {
  return (caller) => {
    const filters: F[] = []
    for (const rule of rules) {
      const answer = rule(caller)
      if (!answer) return false
      if (answer !== true) filters.push(answer)
    }
    return filters.length === 0 || { and: filters }
  }
}
