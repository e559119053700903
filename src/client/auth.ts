/** Signing in and out, and the own account: every method of `/v1/auth`. */

import type { Identity, User } from "./account.ts"
import { type AuthRequests, authRequestsOf, type SignedIn } from "./auth-requests.ts"
import type { Http } from "./http.ts"
import { later } from "./later.ts"
import { inPopup, leaving } from "./leaving.ts"
import type { ownAccountOf } from "./own-account.ts"
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
export interface Auth extends ReturnType<typeof signInOf>, ReturnType<typeof ownAccountOf> {}

export function authOf(http: Http, session: Session): Auth {
  const requests = authRequestsOf(http, session)
  return own((account) => account.ownAccountOf(requests), signInOf(requests))
}

function own<M extends object, N extends object>(pick: (account: typeof import("./own-account.ts")) => M, now?: N) {
  return later(async () => pick(await import("./own-account.ts")), now)
}

function signInOf(requests: AuthRequests) {
  const { session } = requests
  const enter = async (path: string, body?: object): Promise<SignedIn> => (await requests.enter(path, body))!

  async function visit(): Promise<{ readonly user: User }> {
    await session.token() // whether it still stands
    return session.alone(async () => {
      const user = session.present() // of another tab, perhaps
      return user ? { user } : ((await enter("anonymous")) as { user: User })
    })
  }

  async function comeBack(): Promise<Returned | undefined> {
    const { href } = browser.location ?? {}
    return href?.includes("selvedge=") ? (await leaving()).comeBack(requests) : undefined
  }

  return {
    /** Who is signed in, as far as this tab knows, from the first moment on; null is nobody. */
    get user(): User | null {
      return session.user.get()
    },

    /**
     * Follows who is signed in.
     *
     * @param changed Called at once, and whenever the account changes: another one, none, or other values, here or in
     * another tab.
     * @returns Ends it.
     */
    onAuthChange(changed: (user: User | null) => void): () => void {
      const tell = () => changed(session.user.get())
      const end = session.user.subscribe(tell)
      tell()
      return end
    },

    /**
     * A visitor of `signInAnonymously` becomes the account, and keeps the id.
     *
     * @returns No user where the address must be confirmed first.
     * @throws ProblemError `conflict` for an address that has an account; `validation_failed` with a pointer to the password
     */
    async signUp(account: Credentials & { readonly name?: string }): Promise<{ readonly user: User | undefined }> {
      return { user: (await requests.enter("sign-up", account))?.user }
    },

    /** What a visitor has goes along into the account. @throws ProblemError `invalid_credentials` */
    signIn: (credentials: Credentials): Promise<SignedIn> => enter("sign-in", credentials),

    /**
     * Answers the `mfa` of any way to sign in.
     *
     * @param answer.method `totp` with the app's six digits, or `recovery` with a recovery code.
     * @throws ProblemError `invalid_credentials`, whose pointer is `/code` (try another) or `/ticket` (sign in again)
     */
    verifySecondFactor: (answer: {
      readonly ticket: string
      readonly method: "totp" | "recovery"
      readonly code: string
    }): Promise<{ readonly user: User }> => enter("mfa", answer) as Promise<{ user: User }>,

    /** A visitor who can have things before there is an account. Whoever is signed in stays it. */
    signInAnonymously: oneAtATime(visit),

    /** Mails six digits, good for 10 minutes and 5 attempts; they void those before. */
    sendCode: (email: string): Promise<void> => requests.ask("POST", "email/code", { email }),

    /** An unknown address gets an account. @throws ProblemError `invalid_credentials` */
    signInWithCode: (answer: { readonly email: string; readonly code: string }): Promise<SignedIn> =>
      enter("email/code/redeem", answer),

    /**
     * Opens the provider's page in a window; call it in a click, or browsers block it. The window comes back to
     * `redirectTo`, of this page's own origin, where `completeRedirect` hands the answer over.
     *
     * @throws ProblemError `popup_blocked`, `popup_closed`, and those of `completeRedirect`
     */
    signInWithPopup: (provider: string, options?: LeaveOptions): Promise<SignedIn> =>
      inPopup((popup, { signInByPopup }) => signInByPopup(requests, popup, provider, options)),

    /**
     * To be called on each page that `redirectTo` names, by default all that call methods that leave: takes the answer out
     * of the page's address and signs in, or links the provider. Only the browser that left can come back.
     *
     * @returns Undefined when nobody has come back to this page.
     * @throws ProblemError `access_denied` when the person changed their mind, `account_exists` when the address has an
     * account that the provider can't vouch for, `identity_taken`, `provider_refused`, `provider_unreachable`,
     * `provider_answer_invalid`; `other_browser` when no one has left from here; `invalid_credentials` when it took over a
     * minute
     */
    completeRedirect: oneAtATime(comeBack),

    /** Ends the session: here in any case, and at the server. @throws ProblemError `unreachable` when that hasn't heard */
    signOut: (): Promise<void> => requests.leave(),

    /** Accounts at providers that sign in to this one. */
    identities: own((account) => account.identitiesOf(requests), {
      /** As `signInWithPopup`. @throws ProblemError `conflict` when it signs in to another account */
      linkWithPopup: (provider: string, options?: LeaveOptions): Promise<Identity> =>
        inPopup((popup, { linkByPopup }) => linkByPopup(requests, popup, provider, options)),
    }),
    /** Passkeys (WebAuthn): signing in by one, and those of the own account. */
    passkeys: later(async () => (await import("./passkeys.ts")).passkeysOf(requests), {
      /** Whether this browser has what it takes. */
      isSupported: (): boolean => browser.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined,
    }),
    /** The second factor by an authenticator app. */
    totp: own((account) => account.totpOf(requests)),
    /** Where the account is signed in. */
    sessions: own((account) => account.sessionsOf(requests)),
    /** API keys for the user's own programs. */
    keys: own((account) => account.keysOf(requests)),
  }
}

/** Who asks meanwhile gets the same. */
function oneAtATime<V>(work: () => Promise<V>): () => Promise<V> {
  let present: Promise<V> | undefined
  return () => {
    present ??= work().finally(() => {
      present = undefined
    })
    return present
  }
}
