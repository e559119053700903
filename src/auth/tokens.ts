/** Access tokens: JWTs of type `at+jwt` (RFC 9068), signed with ES256, checked in memory. */

import { decodeProtectedHeader, errors, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose"
import { validate as isUuid } from "uuid"
import { type Caller, SERVICE } from "../core/caller.ts"
import type { Clock } from "../core/clock.ts"
import { refuseExpired, refuseToken } from "./refusals.ts"
import { ALGORITHM, createSigningKeys, type KeySet, type VerificationKey } from "./signing-keys.ts"

const TYPE = "at+jwt"
/** The whole header of our tokens; one that names its own key (`jwk`, `jku`, `x5u`) or an extension is refused. */
const HEADER_PARAMETERS: ReadonlySet<string> = new Set(["alg", "typ", "kid"])
/** Seconds that the clocks of two isolates may differ. */
const CLOCK_SKEW_S = 60
/** Verified tokens that an isolate remembers, about 1 KB each. */
const MAX_REMEMBERED = 1_000

export interface TokensOptions {
  db: D1Database
  /** Encrypts the private signing keys; at least 32 characters. */
  secret: string
  /** The secret before the last rotation. */
  previousSecret?: string | undefined
  issuer?: string
  audience?: string
  now: Clock
}

export interface UserTokenClaims {
  /** The user's id. */
  subject: string
  roles: readonly string[]
  sessionId?: string
  /** Authenticator assurance level: 1, or 2 after a second factor. */
  aal?: 1 | 2
  /** Set for a user without credentials. */
  anonymous?: boolean
  lifetimeSeconds: number
}

export interface ServiceTokenClaims {
  service: true
  lifetimeSeconds: number
}

/** Holds what one isolate remembers: its signing keys and the tokens it has verified. */
export interface Tokens {
  /** @throws TypeError for claims that `verify` would refuse. */
  sign(claims: UserTokenClaims | ServiceTokenClaims): Promise<string>
  /**
   * At once, and without I/O, for a token this isolate has seen before.
   *
   * @throws SelvedgeError `token_expired`, and `unauthenticated` for everything else that is wrong.
   */
  verify(token: string): Caller | Promise<Caller>
  /** The same, for whoever goes on after the request. */
  verifyUntil(token: string): Promise<VerifiedToken>
  /** The document of `/.well-known/jwks.json` (RFC 7517); may be cached for 5 minutes. */
  jwks(): Promise<{ keys: JWK[] }>
}

export interface VerifiedToken {
  readonly caller: Caller
  /** Milliseconds since 1970: from then on the token is refused. */
  readonly until: number
}

interface Remembered extends VerifiedToken {
  /** The keys it was verified with; other keys make it worthless. */
  readonly keySet: KeySet
}

/** @throws TypeError when the secret is too short. */
export function createTokens(options: TokensOptions): Tokens {
  const { issuer = "selvedge", audience = "selvedge", now } = options
  const keys = createSigningKeys(options)
  const remembered = new Map<string, Remembered>()

  async function sign(claims: UserTokenClaims | ServiceTokenClaims): Promise<string> {
    const payload = "service" in claims ? { sub: SERVICE.id, service: true } : userPayload(claims)
    if (!(claims.lifetimeSeconds > 0)) throw new TypeError("lifetimeSeconds: a number above 0 is needed")
    const { kid, privateKey } = await keys.signer()
    const issuedAt = Math.floor(now() / 1000)
    return new SignJWT(payload)
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + Math.floor(claims.lifetimeSeconds))
      .sign(privateKey)
  }

  function verify(token: string): Caller | Promise<Caller> {
    return recall(token)?.caller ?? check(token).then(({ caller }) => caller)
  }

  function recall(token: string): VerifiedToken | undefined {
    const seen = remembered.get(token)
    return seen && seen.until > now() && seen.keySet === keys.current() ? seen : undefined
  }

  async function check(token: string): Promise<VerifiedToken> {
    remembered.delete(token)
    const key = await keys.find(readKid(token))
    if (!key) throw refuseToken("The access token is signed with a key that this server does not know")
    const payload = await readPayload(token, key)
    const verified = { caller: readCaller(payload), until: Math.min(payload.exp! * 1000, key.retiredAt) }
    remember(token, key, verified)
    return verified
  }

  async function readPayload(token: string, key: VerificationKey): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, key.publicKey, {
        algorithms: [ALGORITHM],
        typ: TYPE,
        issuer,
        audience,
        requiredClaims: ["sub", "iat", "exp"],
        currentDate: new Date(now()),
      })
      if (!(payload.iat! <= now() / 1000 + CLOCK_SKEW_S)) throw refuseToken("The access token is not valid yet")
      return payload
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw refuseExpired(error)
      if (error instanceof errors.JOSEError) throw refuseToken("The access token is not valid", error)
      throw error
    }
  }

  /** Not when the keys were read again in the meantime: the key may be gone. */
  function remember(token: string, key: VerificationKey, verified: VerifiedToken): void {
    const keySet = keys.current()
    if (keySet?.byKid.get(key.kid) !== key) return
    if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value!)
    remembered.set(token, { ...verified, keySet })
  }

  async function verifyUntil(token: string): Promise<VerifiedToken> {
    const { caller, until } = recall(token) ?? (await check(token))
    return { caller, until }
  }

  return { sign, verify, verifyUntil, jwks: async () => ({ keys: await keys.published() }) }
}

function userPayload({ subject, roles, sessionId, aal, anonymous }: UserTokenClaims): JWTPayload {
  if (!isUuid(subject)) throw new TypeError("subject: a UUID is needed")
  if (!isTextArray(roles)) throw new TypeError("roles: an array of text is needed")
  return {
    sub: subject,
    roles,
    ...(sessionId !== undefined && { sid: sessionId }),
    ...(aal !== undefined && { aal }),
    ...(anonymous && { anonymous }),
  }
}

/** @throws SelvedgeError `unauthenticated` for a header that isn't exactly ours. */
function readKid(token: string): string {
  const header = readHeader(token)
  const isOurs =
    header.alg === ALGORITHM &&
    typeof header.kid === "string" &&
    Object.keys(header).every((parameter) => HEADER_PARAMETERS.has(parameter))
  if (!isOurs) throw refuseToken("The access token is not one of this server")
  return header.kid as string
}

function readHeader(token: string): Record<string, unknown> {
  try {
    return { ...decodeProtectedHeader(token) }
  } catch (error) {
    throw refuseToken("The access token is not well formed", error)
  }
}

/** Frozen, since requests share it. */
function readCaller({ sub, roles, service, sid, aal, anonymous }: JWTPayload): Caller {
  if (service === true && sub === SERVICE.id) return SERVICE
  if (service !== undefined || !isUuid(sub) || !isTextArray(roles)) {
    throw refuseToken("The access token does not name a caller")
  }
  return Object.freeze({
    kind: "user",
    id: sub as string,
    roles: Object.freeze([...roles]),
    ...(typeof sid === "string" && {
      session: Object.freeze({ id: sid, aal: aal === 2 ? 2 : 1, anonymous: anonymous === true } as const),
    }),
  })
}

function isTextArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string")
}
