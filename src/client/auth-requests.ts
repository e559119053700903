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

export type AuthRequests = ReturnType<typeof authRequestsOf>

export function authRequestsOf(http: Http, session: Session) {
  async function send(method: string, path: string, body?: object, anonymous = false): Promise<unknown> {
    const cookies = session.inCookie
    return (await http.send({ method, path: `/v1/auth/${path}`, body, anonymous, cookies })).body
  }

  /** As who is signed in. */
  async function ask<A>(method: string, path: string, body?: object): Promise<A> {
    return (await send(method, path, body)) as A
  }

  return {
    session,
    base: http.base,
    ask,

    /** @returns The rows of a list. */
    list: async <R>(path: string): Promise<readonly R[]> => (await ask<{ data: readonly R[] }>("GET", path)).data,

    remove: (...path: readonly string[]): Promise<void> => ask("DELETE", path.map(encodeURIComponent).join("/")),

    /**
     * Signs in. Only a visitor without credentials is told: what is theirs goes along.
     *
     * @throws TypeError when the client was given a token, which would stay in use.
     */
    async enter(path: string, body?: object): Promise<SignedIn | undefined> {
      if (session.given !== undefined) throw new TypeError("This client has its own token.")
      const query = session.inCookie ? "?cookie=true" : ""
      const answer = await send("POST", path + query, body, !session.user.get()?.isAnonymous)
      if (!answer || "mfa" in (answer as object)) return answer as SignedIn | undefined
      return { user: session.keep(answer as SessionAnswer) }
    },

    /** Ends the session here in any case, before the server is told. */
    async leave(): Promise<void> {
      const { given, inCookie } = session
      const refreshToken = session.forget()
      const body = refreshToken === undefined ? undefined : { refreshToken }
      if (given !== undefined || inCookie || body) await send("POST", "sign-out", body, given === undefined)
    },
  }
}
