/** Signing in and out, and the own account: every method of `/v1/auth`. */

import type { Http } from "./http.ts"
import type { Session, SessionAnswer, User } from "./session.ts"

/** The second factor that a sign-in still needs: hand `ticket` to `mfa` within 5 minutes. */
export interface MfaTicket {
  readonly ticket: string
  readonly methods: readonly ("totp" | "recovery")[]
}

/** Signed in, or asked for the second factor. */
export type SignedIn =
  | { readonly user: User; readonly mfa?: undefined }
  | { readonly mfa: MfaTicket; readonly user?: undefined }

export class Auth {
  readonly #http: Http
  readonly #session: Session

  constructor(http: Http, session: Session) {
    this.#http = http
    this.#session = session
  }

  /** Who is signed in, as far as this tab knows; null is nobody. */
  get user(): User | null {
    return this.#session.user.get()
  }

  /** @param changed Called at once, and whenever the account changes, in another tab as well. @returns Ends it. */
  onAuthChange(changed: (user: User | null) => void): () => void {
    changed(this.user)
    return this.#session.user.subscribe(() => changed(this.user))
  }

  /** @returns No user where the address must be confirmed first. @throws ProblemError `conflict`, `validation_failed` */
  async signUp(account: {
    email: string
    password: string
    name?: string
  }): Promise<{ readonly user: User | undefined }> {
    const answer = await this.#post("sign-up", account, true)
    return { user: answer === undefined ? undefined : this.#session.keep(answer as SessionAnswer) }
  }

  /** @throws ProblemError `invalid_credentials`, `rate_limited` */
  async signIn(credentials: { email: string; password: string }): Promise<SignedIn> {
    return this.#signedIn(await this.#post("sign-in", credentials, true))
  }

  /** Ends the session, here and at the server. */
  async signOut(): Promise<void> {
    await this.#post("sign-out")
    this.#session.forget()
  }

  #signedIn(answer: unknown): SignedIn {
    if ("mfa" in (answer as object)) return answer as SignedIn
    return { user: this.#session.keep(answer as SessionAnswer) }
  }

  /** @param givesSession Whether it answers with a session, whose refresh token may go into the cookie. */
  async #post(path: string, body?: object, givesSession = false): Promise<unknown> {
    const cookies = this.#session.inCookie
    const query = givesSession && cookies ? "?cookie=true" : ""
    const { body: answer } = await this.#http.send({ method: "POST", path: `/v1/auth/${path}${query}`, body, cookies })
    return answer
  }
}
