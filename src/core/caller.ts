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
  /** The signed-in session, where the caller came with its access token. */
  readonly session?: CallerSession
  /** The id of the API key that the caller came with; on a socket, of a service key too. */
  readonly key?: string
  /** What an API key may do: `collection:action`, or `admin`. Absent where nothing narrows the caller. */
  readonly scopes?: ReadonlySet<string>
}

export interface CallerSession {
  readonly id: string
  /** Authenticator assurance level: 1, or 2 after a second factor. */
  readonly aal: 1 | 2
  /** Whether its user has no credentials. */
  readonly anonymous: boolean
}

export const ANONYMOUS: Caller = { kind: "anonymous", id: NOBODY, roles: [] }
export const SERVICE: Caller = { kind: "service", id: "service", roles: [] }
