/** Passkeys, with the browser's side of them (WebAuthn Level 3); loaded with the first call. */

import type { Passkey } from "./account.ts"
import type { AuthRequests, SignedIn } from "./auth-requests.ts"
import { browser } from "./platform.ts"
import { isProblem, refusal } from "./problem.ts"

/** What the API asks holds for 5 minutes; a form may stand open for longer. */
const ASK_AGAIN_MS = 4 * 60_000

export interface PasskeySignInOptions {
  /**
   * Offers passkeys in the suggestions of an input with `autocomplete="username webauthn"`, and waits until one is
   * chosen. Whatever else uses passkeys then ends it as `cancelled`.
   */
  readonly autofill?: boolean
  readonly signal?: AbortSignal
}

/** Browsers do one at a time; the newest wish counts. */
let present = new AbortController()

export function passkeysOf(requests: AuthRequests) {
  return {
    /**
     * Without an address or a password: the person chooses among the passkeys that they have for this site.
     *
     * @throws ProblemError `cancelled`, `unsupported`, `invalid_credentials`
     */
    signIn: (options?: PasskeySignInOptions): Promise<SignedIn> => signIn(requests, options),
    /**
     * @param name That of the device unless told.
     * @throws ProblemError `cancelled`, `unsupported`, `conflict` for a device that has one already
     */
    add: (name?: string): Promise<Passkey> => add(requests, name),
    /** Newest first. */
    list: (): Promise<readonly Passkey[]> => requests.list("passkeys"),
    /** @throws ProblemError `not_found` */
    rename: (id: string, name: string): Promise<Passkey> =>
      requests.ask("PATCH", `passkeys/${encodeURIComponent(id)}`, { name }),
    /** Ends all other sessions. @throws ProblemError `not_found`; `conflict` for the last way to sign in */
    remove: (id: string): Promise<void> => requests.remove("passkeys", id),
  }
}

async function signIn(
  requests: AuthRequests,
  { autofill = false, signal }: PasskeySignInOptions = {},
): Promise<SignedIn> {
  const { credentials, read } = support("parseRequestOptionsFromJSON")
  const until = take(signal)
  for (;;) {
    const publicKey = read(await requests.ask("POST", "passkeys/sign-in/options"))
    const late = AbortSignal.timeout(ASK_AGAIN_MS)
    const order = autofill
      ? { publicKey, signal: AbortSignal.any([until, late]), mediation: "conditional" as const }
      : { publicKey, signal: until }
    try {
      const response = await finish(credentials.get(order))
      return (await requests.enter("passkeys/sign-in", { response }))!
    } catch (error) {
      const isOver = until.aborted || !autofill || !late.aborted || !isProblem(error, "cancelled")
      if (isOver) throw error
    }
  }
}

async function add(requests: AuthRequests, name: string | undefined): Promise<Passkey> {
  const { credentials, read } = support("parseCreationOptionsFromJSON")
  const signal = take(undefined)
  const options = await requests.ask("POST", "passkeys/register/options")
  const response = await finish(credentials.create({ publicKey: read(options), signal }))
  return requests.ask("POST", "passkeys/register", { response, name })
}

function support(name: "parseCreationOptionsFromJSON" | "parseRequestOptionsFromJSON") {
  const { PublicKeyCredential, navigator } = browser
  const { credentials } = navigator ?? {}
  if (!credentials || !PublicKeyCredential?.[name]) throw refusal("unsupported", 0, "This browser has no passkeys.")
  return { credentials, read: (options: unknown) => PublicKeyCredential[name]!(options) }
}

function take(signal: AbortSignal | undefined): AbortSignal {
  present.abort()
  present = new AbortController()
  return signal ? AbortSignal.any([signal, present.signal]) : present.signal
}

async function finish(ceremony: Promise<{ toJSON(): unknown }>): Promise<unknown> {
  try {
    return (await ceremony).toJSON()
  } catch (cause) {
    const { name } = cause as Error
    if (name === "InvalidStateError")
      throw refusal("conflict", 0, "This device has a passkey of the account already.", cause)
    if (["NotAllowedError", "AbortError", "TimeoutError"].includes(name))
      throw refusal("cancelled", 0, "No passkey was chosen.", cause)
    throw cause
  }
}
