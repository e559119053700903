/** How the parts of sign-in ask `/v1/auth`. */

import type { User } from "./account.ts"
import type { Http } from "./http.ts"
import type { Session, SessionAnswer } from "./session.ts"

/** The second factor that a sign-in still needs: hand `ticket` to `verifySecondFactor` within 5 minutes. */
export interface MfaTicket {
  readonly ticket: string
  readonly methods: readonly ("totp" | "recovery")[]
}

/** Signed in, or asked for the second factor. */
export type SignedIn =
  | { readonly user: User; readonly mfa?: undefined }
  | { readonly mfa: MfaTicket; readonly user?: undefined }

export class AuthRequests {
  readonly session: Session
  readonly #http: Http

  constructor(http: Http, session: Session) {
    this.#http = http
    this.session = session
  }

  get base(): string {
    return this.#http.base
  }

  /** As who is signed in. */
  async ask<A>(method: string, path: string, body?: object): Promise<A> {
    return (await this.#send(method, path, body)) as A
  }

  /** @returns The rows of a list. */
  async list<R>(path: string): Promise<readonly R[]> {
    return (await this.ask<{ data: readonly R[] }>("GET", path)).data
  }

  remove(path: string, id?: string): Promise<void> {
    return this.ask("DELETE", id === undefined ? path : `${path}/${encodeURIComponent(id)}`)
  }

  /**
   * Signs in. Only a visitor without credentials is told: what is theirs goes along.
   *
   * @throws TypeError when the client was given a token, which would stay in use.
   */
  async enter(path: string, body?: object): Promise<SignedIn | undefined> {
    const { session } = this
    if (session.given !== undefined) throw new TypeError("This client has a token of its own: nobody signs in.")
    const query = session.inCookie ? "?cookie=true" : ""
    const answer = await this.#send("POST", path + query, body, !session.user.get()?.isAnonymous)
    if (!answer || "mfa" in (answer as object)) return answer as SignedIn | undefined
    return { user: session.keep(answer as SessionAnswer) }
  }

  /** Ends the session here in any case, before the server is told. */
  async leave(): Promise<void> {
    const { given, inCookie } = this.session
    const refreshToken = this.session.forget()
    if (given !== undefined || inCookie || refreshToken !== undefined)
      await this.#send(
        "POST",
        "sign-out",
        refreshToken === undefined ? undefined : { refreshToken },
        given === undefined,
      )
  }

  async #send(method: string, path: string, body?: object, anonymous = false): Promise<unknown> {
    const cookies = this.session.inCookie
    return (await this.#http.send({ method, path: `/v1/auth/${path}`, body, anonymous, cookies })).body
  }
}
