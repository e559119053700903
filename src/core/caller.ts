/**
 * The `id` of an anonymous caller. No comparison in a filter matches it, not even one with an empty column, and no
 * stored text can equal it, since text with U+0000 is refused.
 */
export const NOBODY = "\u0000nobody"

/** Who is asking. The service is the application's own code; rules don't bind it. */
export interface Caller {
  readonly kind: "anonymous" | "user" | "service"
  /** The user's id, {@link NOBODY} for an anonymous caller, `service` for the service. */
  readonly id: string
  readonly roles: readonly string[]
}

export const ANONYMOUS: Caller = { kind: "anonymous", id: NOBODY, roles: [] }
export const SERVICE: Caller = { kind: "service", id: "service", roles: [] }
