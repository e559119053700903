/** What belongs to an account, as its owner sees it. */

/** The own account. */
export interface User {
  readonly id: string
  readonly email: string | null
  readonly emailVerified: boolean
  readonly name: string | null
  readonly roles: readonly string[]
  /** Made by `signInAnonymously`, without credentials. */
  readonly isAnonymous: boolean
  /** Whether a second factor is asked for. */
  readonly mfa: boolean
  readonly createdAt: string
  readonly updatedAt: string
}

/** A provider that people can sign in with. */
export interface Provider {
  readonly name: string
  readonly issuer: string
}

/** An account at a provider that signs in to this one. */
export interface Identity {
  /** The provider's name; null when it isn't on any more. */
  readonly provider: string | null
  readonly issuer: string
  readonly email: string | null
  readonly createdAt: string
}

export interface Passkey {
  /** The credential's id, base64url. */
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly lastUsedAt: string | null
  /** Whether the key is kept in more places than one device. */
  readonly backedUp: boolean
  readonly transports: readonly string[]
}

/** A place where the account is signed in. */
export interface AccountSession {
  readonly id: string
  /** Whether it is this client's. */
  readonly current: boolean
  /** 2 after both factors. */
  readonly aal: 1 | 2
  /** How the person proved who they are, by the names of RFC 8176. */
  readonly amr: readonly string[]
  readonly ip: string | null
  readonly userAgent: string | null
  /** Such as `Firefox on Linux`. */
  readonly device: string
  readonly place: string | null
  readonly createdAt: string
  /** When its tokens were last renewed. */
  readonly lastUsedAt: string
  /** When it ends however it is used. */
  readonly expiresAt: string
}

export type KeyScope = `${string}:${"read" | "create" | "update" | "delete"}` | "admin"

export interface ApiKey {
  readonly id: string
  readonly name: string
  /** How the key begins. */
  readonly prefix: string
  readonly scopes: readonly KeyScope[]
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly lastUsedAt: string | null
}

export interface NewApiKey {
  readonly name: string
  /** `collection:read`, `create`, `update` or `delete`. */
  readonly scopes: readonly KeyScope[]
  /** RFC 3339; never unless told. */
  readonly expiresAt?: string | Date | null
}
