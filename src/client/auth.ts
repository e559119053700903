/** Signing in and out, and the own account: every method of `/v1/auth`. */

import type { Provider, User } from "./account.ts"
import { identitiesOf, keysOf, passkeysOf, sessionsOf, totpOf } from "./auth-groups.ts"
import { AuthRequests, type SignedIn } from "./auth-requests.ts"
import type { Http } from "./http.ts"
import { inPopup, leaving } from "./leaving.ts"
import { browser } from "./platform.ts"
import type { LeaveOptions, Returned } from "./redirect.ts"
import type { Session } from "./session.ts"

export interface Credentials {
  readonly email: string
  readonly password: string
}

/**
 * Each method rejects with a `ProblemError`. Beside the codes that it names these are possible everywhere:
 * `validation_failed` with pointers to the fields, `rate_limited` with `retryAfter`, `unreachable`, and for the own
 * account `unauthenticated`, or `reauthentication_required` where a sign-in of the last 10 minutes is needed.
 */
export class Auth {
  /** Accounts at providers that sign in to this one. */
  readonly identities: ReturnType<typeof identitiesOf>
  readonly passkeys: ReturnType<typeof passkeysOf>
  /** The second factor by an authenticator app. */
  readonly totp: ReturnType<typeof totpOf>
  /** Where the account is signed in. */
  readonly sessions: ReturnType<typeof sessionsOf>
  /** API keys for the user's own programs. */
  readonly keys: ReturnType<typeof keysOf>
  readonly #requests: AuthRequests
  readonly #session: Session
  #visiting: Promise<{ readonly user: User }> | undefined
  #returning: Promise<Returned | undefined> | undefined

  constructor(http: Http, session: Session) {
    this.#requests = new AuthRequests(http, session)
    this.#session = session
    this.identities = identitiesOf(this.#requests)
    this.passkeys = passkeysOf(this.#requests)
    this.totp = totpOf(this.#requests)
    this.sessions = sessionsOf(this.#requests)
    this.keys = keysOf(this.#requests)
  }

  /** Who is signed in, as far as this tab knows, from the first moment on; null is nobody. */
  get user(): User | null {
    return this.#session.user.get()
  }

  /**
   * @param changed Called at once, and whenever the account changes: another one, none, or other values, here or in
   * another tab.
   * @returns Ends it.
   */
  onAuthChange(changed: (user: User | null) => void): () => void {
    const end = this.#session.user.subscribe(() => changed(this.user))
    changed(this.user)
    return end
  }

  /**
   * A visitor of {@link signInAnonymously} becomes the account, and keeps the id.
   *
   * @returns No user where the address must be confirmed first.
   * @throws ProblemError `conflict` for an address that has an account; `validation_failed` with a pointer to the password
   */
  async signUp(account: Credentials & { readonly name?: string }): Promise<{ readonly user: User | undefined }> {
    return { user: (await this.#requests.enter("sign-up", account))?.user }
  }

  /** What a visitor has goes along into the account. @throws ProblemError `invalid_credentials` */
  signIn(credentials: Credentials): Promise<SignedIn> {
    return this.#enter("sign-in", credentials)
  }

  /**
   * Answers the `mfa` of any way to sign in.
   *
   * @param answer.method `totp` with the app's six digits, or `recovery` with a recovery code.
   * @throws ProblemError `invalid_credentials`, whose pointer is `/code` (try another) or `/ticket` (sign in again)
   */
  async verifySecondFactor(answer: {
    readonly ticket: string
    readonly method: "totp" | "recovery"
    readonly code: string
  }): Promise<{ readonly user: User }> {
    return (await this.#enter("mfa", answer)) as { user: User }
  }

  /** A visitor who can have things before there is an account. Whoever is signed in stays it. */
  signInAnonymously(): Promise<{ readonly user: User }> {
    this.#visiting ??= this.#visit().finally(() => {
      this.#visiting = undefined
    })
    return this.#visiting
  }

  async #visit(): Promise<{ readonly user: User }> {
    await this.#session.token() // whether it still stands
    return this.#session.alone(async () => {
      const user = this.#session.present() // of another tab, perhaps
      return user ? { user } : ((await this.#enter("anonymous")) as { user: User })
    })
  }

  /** Mails six digits, good for 10 minutes and 5 attempts; they void those before. */
  sendCode(email: string): Promise<void> {
    return this.#post("email/code", { email })
  }

  /** An unknown address gets an account. @throws ProblemError `invalid_credentials` */
  signInWithCode(answer: { readonly email: string; readonly code: string }): Promise<SignedIn> {
    return this.#enter("email/code/redeem", answer)
  }

  /** Mails a link, good once and for 15 minutes. Its page leads to `redirectTo`, in this browser. */
  async sendLink(email: string, options?: LeaveOptions): Promise<void> {
    await (await leaving()).sendLink(this.#requests, email, options)
  }

  /** Those that people can sign in with. */
  providers(): Promise<readonly Provider[]> {
    return this.#requests.list("providers")
  }

  /** Leaves the page for that of a provider, which leads to `redirectTo`. */
  async signInWithRedirect(provider: string, options?: LeaveOptions): Promise<void> {
    await (await leaving()).leave(this.#requests, provider, false, options)
  }

  /**
   * Opens the provider's page in a window; call it in a click, or browsers block it. The window comes back to
   * `redirectTo`, of this page's own origin, where `completeRedirect` hands the answer over.
   *
   * @throws ProblemError `popup_blocked`, `popup_closed`, and those of {@link completeRedirect}
   */
  signInWithPopup(provider: string, options?: LeaveOptions): Promise<SignedIn> {
    return inPopup((popup, { signInByPopup }) => signInByPopup(this.#requests, popup, provider, options))
  }

  /**
   * To be called on each page that `redirectTo` names, by default all that call methods that leave: takes the answer out
   * of the page's address and signs in, or links the provider. Only the browser that left can come back.
   *
   * @returns Undefined when nobody has come back to this page.
   * @throws ProblemError `access_denied` when the person changed their mind, `account_exists` when the address has an
   * account that the provider can't vouch for, `identity_taken`, `provider_refused`, `provider_unreachable`,
   * `provider_answer_invalid`; `other_browser` when no one has left from here; `invalid_credentials` when it took over a minute
   */
  completeRedirect(): Promise<Returned | undefined> {
    this.#returning ??= this.#return().finally(() => {
      this.#returning = undefined
    })
    return this.#returning
  }

  async #return(): Promise<Returned | undefined> {
    const { href } = browser.location ?? {}
    return href?.includes("selvedge=") ? (await leaving()).comeBack(this.#requests) : undefined
  }

  /** Ends the session: here in any case, and at the server. @throws ProblemError `unreachable` when that hasn't heard */
  signOut(): Promise<void> {
    return this.#requests.leave()
  }

  /** Asks for the own account, which may have been changed elsewhere. */
  async refreshUser(): Promise<User> {
    return this.#keepUser(await this.#requests.ask("GET", "user"))
  }

  async updateUser(patch: { readonly name?: string | null }): Promise<User> {
    return this.#keepUser(await this.#requests.ask("PATCH", "user", patch))
  }

  /** Deletes the own account with all that is personal. @throws ProblemError `conflict` for the last admin */
  async deleteUser(): Promise<void> {
    await this.#requests.ask("DELETE", "user")
    this.#session.forget()
  }

  /** The account gets the address once the link in the mail to it is used. @throws ProblemError `conflict` */
  async changeEmail(email: string): Promise<User> {
    return this.#account("email/change", { email })
  }

  /** Mails the link that confirms the address again. @throws ProblemError `conflict` when it is confirmed */
  requestVerification(): Promise<void> {
    return this.#post("email/verify/request")
  }

  /** Confirms an address by the token of a mail; it signs nobody in. @throws ProblemError `invalid_credentials` */
  verifyEmail(token: string): Promise<User> {
    return this.#account("email/verify", { token })
  }

  /** Mails a link to choose a new password, to an address that has an account. */
  forgotPassword(email: string): Promise<void> {
    return this.#post("password/forgot", { email })
  }

  /** By the token of a mail. Ends all sessions of the account. @throws ProblemError `invalid_credentials` */
  async resetPassword(reset: { readonly token: string; readonly password: string }): Promise<User> {
    return this.#account("password/reset", reset)
  }

  /** Ends all other sessions. @throws ProblemError `invalid_credentials` for a wrong `currentPassword` */
  changePassword(change: { readonly currentPassword: string; readonly password: string }): Promise<User> {
    return this.#account("password/change", change)
  }

  async #enter(path: string, body?: object): Promise<SignedIn> {
    return (await this.#requests.enter(path, body))!
  }

  #post(path: string, body?: object): Promise<void> {
    return this.#requests.ask("POST", path, body)
  }

  async #account(path: string, body: object): Promise<User> {
    return this.#keepUser((await this.#requests.ask<{ user: User }>("POST", path, body)).user)
  }

  #keepUser(user: User): User {
    return this.#session.keepUser(user)
  }
}
