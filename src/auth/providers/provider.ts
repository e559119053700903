/** What signing in with somebody else's account needs of that somebody. */

/** One identity provider, as the routes of sign-in see it. */
export interface Provider {
  /** The name in our own URLs. */
  readonly name: string
  /** With the subject, the key of an identity: two providers of one issuer know the same people. */
  readonly issuer: string
  /**
   * Where to send the browser.
   *
   * @throws ProviderError `provider_unreachable`, `provider_answer_invalid`.
   */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>
  /**
   * Turns the browser's way back into an identity. Whether `expected` belongs to this provider, is fresh and was never
   * used before is for the caller to know.
   *
   * @param callback The URL that the browser came back to, with its query.
   * @throws ProviderError for each of its reasons; no other error.
   */
  redeem(callback: URL, expected: ExpectedCallback): Promise<Identity>
}

export interface AuthorizationRequest {
  redirectUri: string
  state: string
  nonce: string
  /** S256 of the code verifier (RFC 7636 §4.2). */
  codeChallenge: string
}

/** What was kept when the browser left. */
export interface ExpectedCallback {
  /** Character by character the one of the request. */
  redirectUri: string
  state: string
  nonce: string
  codeVerifier: string
}

/** Who the provider says it is. The address says nothing about who it is: addresses change hands. */
export interface Identity {
  issuer: string
  /** At most 255 characters; unique within the issuer, never given to somebody else. */
  subject: string
  /** At most 254 characters, as the provider spells it. */
  email?: string
  /** False without an address. */
  emailVerified: boolean
  /** 1 to 200 characters. */
  name?: string
}

/** What the provider gave this application when it was registered there. */
export interface ProviderCredentials {
  clientId: string
  clientSecret: string
}

/** `provider_refused` includes the person who changed their mind (`access_denied`). */
export type ProviderFailure = "provider_unreachable" | "provider_refused" | "provider_answer_invalid"

/** Why nobody came in. Message and causes are for the operator and hold neither token, code nor secret. */
export class ProviderError extends Error {
  readonly reason: ProviderFailure

  constructor(reason: ProviderFailure, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = "ProviderError"
    this.reason = reason
  }
}
