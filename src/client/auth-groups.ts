/** The own account's identities, passkeys, second factor, sessions and keys. */

import type { AccountSession, ApiKey, Identity, NewApiKey, Passkey } from "./account.ts"
import type { AuthRequests, SignedIn } from "./auth-requests.ts"
import { inPopup, leaving } from "./leaving.ts"
import type { PasskeySignInOptions } from "./passkeys.ts"
import { browser } from "./platform.ts"
import type { LeaveOptions } from "./redirect.ts"

/** Accounts at providers that sign in to this one. */
export function identitiesOf(requests: AuthRequests) {
  return {
    /** Newest first. */
    list: (): Promise<readonly Identity[]> => requests.list("identities"),
    /** Leaves the page, as `signInWithRedirect`. */
    link: async (provider: string, options?: LeaveOptions): Promise<void> =>
      (await leaving()).leave(requests, provider, true, options),
    /** As `signInWithPopup`. @throws ProblemError `conflict` when it signs in to another account */
    linkWithPopup: (provider: string, options?: LeaveOptions): Promise<Identity> =>
      inPopup((popup, { linkByPopup }) => linkByPopup(requests, popup, provider, options)),
    /** Ends all other sessions. @throws ProblemError `not_found`; `conflict` for the last way to sign in */
    remove: (provider: string): Promise<void> => requests.remove("identities", provider),
  }
}

export function passkeysOf(requests: AuthRequests) {
  return {
    /** Whether this browser has what it takes. */
    isSupported: (): boolean => browser.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined,
    /**
     * Without an address or a password: the person chooses among the passkeys that they have for this site.
     *
     * @throws ProblemError `cancelled`, `unsupported`, `invalid_credentials`
     */
    signIn: async (options?: PasskeySignInOptions): Promise<SignedIn> =>
      (await import("./passkeys.ts")).signInByPasskey(requests, options),
    /**
     * @param name That of the device unless told.
     * @throws ProblemError `cancelled`, `unsupported`, `conflict` for a device that has one already
     */
    add: async (name?: string): Promise<Passkey> => (await import("./passkeys.ts")).addPasskey(requests, name),
    /** Newest first. */
    list: (): Promise<readonly Passkey[]> => requests.list("passkeys"),
    /** @throws ProblemError `not_found` */
    rename: (id: string, name: string): Promise<Passkey> =>
      requests.ask("PATCH", `passkeys/${encodeURIComponent(id)}`, { name }),
    /** Ends all other sessions. @throws ProblemError `not_found`; `conflict` for the last way to sign in */
    remove: (id: string): Promise<void> => requests.remove("passkeys", id),
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
