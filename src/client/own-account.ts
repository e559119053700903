/** Links to sign in by, and what becomes of the own account: loaded with the first call, as few pages need them. */

import type { AccountSession, ApiKey, Identity, NewApiKey, Provider, User } from "./account.ts"
import type { AuthRequests } from "./auth-requests.ts"
import { leaving } from "./leaving.ts"
import type { LeaveOptions } from "./redirect.ts"

export function ownAccountOf(requests: AuthRequests) {
  const keep = (user: User): User => requests.session.keepUser(user)
  const post = (path: string, body?: object): Promise<void> => requests.ask("POST", path, body)
  const change = async (path: string, body: object): Promise<User> =>
    keep((await requests.ask<{ user: User }>("POST", path, body)).user)
  return {
    /** Mails a link, good once and for 15 minutes. Its page leads to `redirectTo`, in this browser. */
    sendLink: async (email: string, options?: LeaveOptions): Promise<void> =>
      (await leaving()).sendLink(requests, email, options),
    /** Those that people can sign in with. */
    providers: (): Promise<readonly Provider[]> => requests.list("providers"),
    /** Leaves the page for that of a provider, which leads to `redirectTo`. */
    signInWithRedirect: async (provider: string, options?: LeaveOptions): Promise<void> =>
      (await leaving()).leave(requests, provider, false, options),
    /** Asks for the own account, which may have been changed elsewhere. */
    refreshUser: async (): Promise<User> => keep(await requests.ask("GET", "user")),
    /** Renames the own account; null takes the name away. */
    updateUser: async (patch: { readonly name?: string | null }): Promise<User> =>
      keep(await requests.ask("PATCH", "user", patch)),
    /** Deletes the own account with all that is personal. @throws ProblemError `conflict` for the last admin */
    async deleteUser(): Promise<void> {
      await requests.ask("DELETE", "user")
      requests.session.forget()
    },
    /** The account gets the address once the link in the mail to it is used. @throws ProblemError `conflict` */
    changeEmail: (email: string): Promise<User> => change("email/change", { email }),
    /** Mails the link that confirms the address again. @throws ProblemError `conflict` when it is confirmed */
    requestVerification: (): Promise<void> => post("email/verify/request"),
    /** Confirms an address by the token of a mail; it signs nobody in. @throws ProblemError `invalid_credentials` */
    verifyEmail: (token: string): Promise<User> => change("email/verify", { token }),
    /** Mails a link to choose a new password, to an address that has an account. */
    forgotPassword: (email: string): Promise<void> => post("password/forgot", { email }),
    /** By the token of a mail. Ends all sessions of the account. @throws ProblemError `invalid_credentials` */
    resetPassword: (reset: { readonly token: string; readonly password: string }): Promise<User> =>
      change("password/reset", reset),
    /** Ends all other sessions. @throws ProblemError `invalid_credentials` for a wrong `currentPassword` */
    changePassword: (passwords: { readonly currentPassword: string; readonly password: string }): Promise<User> =>
      change("password/change", passwords),
  }
}

/** Accounts at providers that sign in to this one. */
export function identitiesOf(requests: AuthRequests) {
  return {
    /** Newest first. */
    list: (): Promise<readonly Identity[]> => requests.list("identities"),
    /** Leaves the page, as `signInWithRedirect`. */
    link: async (provider: string, options?: LeaveOptions): Promise<void> =>
      (await leaving()).leave(requests, provider, true, options),
    /** Ends all other sessions. @throws ProblemError `not_found`; `conflict` for the last way to sign in */
    remove: (provider: string): Promise<void> => requests.remove("identities", provider),
  }
}

/** The second factor by an authenticator app. */
export function totpOf(requests: AuthRequests) {
  return {
    /** Nothing changes until `activate`. @returns `uri` for a QR code, `secret` (Base32) for typing; shown this once. */
    start: (): Promise<{ readonly secret: string; readonly uri: string }> => requests.ask("POST", "totp"),
    /** @returns Ten recovery codes, shown this once. @throws ProblemError `validation_failed` for a wrong code */
    activate: (code: string): Promise<readonly string[]> =>
      withNewToken(requests, codes(requests, "totp/activate", { code })),
    /** Needs a sign-in with both factors of the last 10 minutes. Ends all other sessions. */
    remove: (): Promise<void> => withNewToken(requests, requests.remove("totp")),
    /** Voids those before. Needs a sign-in with both factors of the last 10 minutes. */
    renewRecoveryCodes: (): Promise<readonly string[]> => codes(requests, "recovery-codes"),
  }
}

/** Where the account is signed in. */
export function sessionsOf(requests: AuthRequests) {
  return {
    /** Newest first, at most 100. */
    list: (): Promise<readonly AccountSession[]> => requests.list("sessions"),
    /** It can't be renewed any more; its token works on for at most 10 minutes. @throws ProblemError `not_found` */
    end: (id: string): Promise<void> => withNewToken(requests, requests.remove("sessions", id)),
    endOthers: (): Promise<void> => requests.remove("sessions"),
  }
}

/** API keys for the user's own programs. */
export function keysOf(requests: AuthRequests) {
  return {
    /** Newest first. */
    list: (): Promise<readonly ApiKey[]> => requests.list("keys"),
    /** @returns `key` is shown this once. @throws ProblemError `conflict` when there are too many */
    create: (key: NewApiKey): Promise<ApiKey & { readonly key: string }> => requests.ask("POST", "keys", key),
    /** It is refused everywhere within 30 seconds. @throws ProblemError `not_found` */
    revoke: (id: string): Promise<void> => requests.remove("keys", id),
  }
}

async function codes(requests: AuthRequests, path: string, body?: object): Promise<readonly string[]> {
  return (await requests.ask<{ recoveryCodes: readonly string[] }>("POST", path, body)).recoveryCodes
}

/** What has been done changes what a token says, or whether there is one. */
async function withNewToken<V>({ session }: AuthRequests, done: Promise<V>): Promise<V> {
  const value = await done
  await session.renew().catch(() => undefined)
  return value
}
