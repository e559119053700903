/** Which limit the requests of a collection or a route count on. */

/** A class of `defineBackend({ limits })` and how much of it each request spends. */
export interface LimitUse {
  /** Without one, the class that other requests of the method have. */
  class?: string
  /** Units, a whole number; 1 unless told. */
  cost?: number
}

export const LIMITED_ACTIONS = ["list", "search", "aggregate", "get", "create", "update", "delete"] as const

/** `search` is a list with `q`, `aggregate` one with `aggregate`: each is a `list` unless told. */
export type LimitedAction = (typeof LIMITED_ACTIONS)[number]

export type CollectionLimits = { readonly [A in LimitedAction]?: LimitUse }
