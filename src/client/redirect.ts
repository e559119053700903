/** Leaving the page to sign in, and coming back with a code (PKCE, RFC 7636); loaded when somebody does. */

import type { Identity, User } from "./account.ts"
import type { AuthRequests, SignedIn } from "./auth-requests.ts"
import { browser, type Popup, webStorage } from "./platform.ts"
import { type ProblemError, refusal } from "./problem.ts"

/** Of the address that one comes back to: which of the attempts it was, so that those of two tabs don't meet. */
const PARAMETER = "selvedge"
const IN_POPUP = "popup-"
/** Longer than any way out and back that the API allows. */
const KEPT_MS = 3_600_000
const LOOK_EVERY_MS = 500
/** How long the window's page waits for the one that opened it. */
const TAKEN_WITHIN_MS = 2_000

const EXPLAINED: Readonly<Record<string, string>> = {
  access_denied: "The sign-in was cancelled.",
  account_exists: "This address has an account already: sign in to it, then link the provider.",
  identity_taken: "This identity signs in to another account.",
  other_browser: "Open the link in the browser that asked for it, and only once.",
  popup_blocked: "The browser has blocked the window.",
  popup_closed: "The window was closed.",
  unsupported: "This way to sign in needs HTTPS.",
  storage_blocked: "The browser keeps nothing for this site, so nobody can come back to it.",
}

export interface LeaveOptions {
  /** A page of this origin that calls `completeRedirect`; the present one unless told. */
  readonly redirectTo?: string
}

/** Signed in, or still signed in and with the provider that was linked. */
export type Returned = SignedIn | { readonly user: User; readonly identity: Identity; readonly mfa?: undefined }

/** What the browser comes back with. */
interface Arrival {
  readonly code: string | null
  readonly error: string | null
}

/** What has to be known at the return. */
interface Attempt {
  readonly verifier: string
  readonly links: boolean
  /** Of the address, as addresses that the API leads to have none. */
  readonly hash: string
  readonly at: number
}

interface Way {
  readonly redirectTo: string
  readonly codeChallenge: string
}

export async function sendLink(requests: AuthRequests, email: string, options?: LeaveOptions): Promise<void> {
  await requests.ask("POST", "email/link", { email, ...(await setOut(requests, false, options)) })
}

export async function leave(
  requests: AuthRequests,
  provider: string,
  links: boolean,
  options?: LeaveOptions,
): Promise<void> {
  const way = await setOut(requests, links, options)
  browser.location!.assign(await addressOf(requests, provider, links, way))
}

/** Notes the attempt, so that its return is known. */
async function setOut(requests: AuthRequests, links: boolean, options?: LeaveOptions): Promise<Way> {
  const id = randomText(16)
  const { verifier, way, hash } = await prepare(id, options)
  const attempt: Attempt = { verifier, links, hash, at: Date.now() }
  try {
    const storage = webStorage("localStorage")! // a link in a mail opens another tab
    forgetOld(storage, nameOf(requests, ""))
    storage.setItem(nameOf(requests, id), JSON.stringify(attempt))
  } catch (cause) {
    throw problem("storage_blocked", cause)
  }
  return way
}

async function prepare(id: string, { redirectTo }: LeaveOptions = {}) {
  const { href, origin } = browser.location!
  const url = new URL(redirectTo ?? href, href)
  if (url.origin !== origin) throw new TypeError("redirectTo must be a page of this origin.")
  const { hash } = url
  url.hash = ""
  url.searchParams.set(PARAMETER, id)
  const verifier = randomText(32)
  if (!crypto.subtle) throw problem("unsupported") // over plain HTTP
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))
  return { verifier, hash, way: { redirectTo: url.href, codeChallenge: base64url(new Uint8Array(digest)) } }
}

async function addressOf(requests: AuthRequests, provider: string, links: boolean, way: Way): Promise<string> {
  const path = `oauth/${encodeURIComponent(provider)}`
  if (links) return (await requests.ask<{ url: string }>("POST", `${path}/link`, way)).url
  return `${requests.base}/v1/auth/${path}?${new URLSearchParams({ ...way })}`
}

/** Takes the answer out of the page's address. */
export async function comeBack(requests: AuthRequests): Promise<Returned | undefined> {
  const { location, history } = browser
  const url = new URL(location!.href)
  const [id, code, error] = [PARAMETER, "code", "error"].map((name) => url.searchParams.get(name))
  if (!id || !(code || error)) return undefined
  for (const name of [PARAMETER, "code", "error"]) url.searchParams.delete(name)
  const name = nameOf(requests, id)
  const storage = webStorage("localStorage")
  const attempt = JSON.parse(storage?.getItem(name) ?? "null") as Attempt | null
  storage?.removeItem(name)
  url.hash ||= attempt?.hash ?? ""
  history!.replaceState(history!.state, "", url.href)
  const arrival: Arrival = { code: code ?? null, error: error ?? null }
  if (id.startsWith(IN_POPUP)) return handOver(id, arrival)
  if (!attempt) throw problem("other_browser")
  return finish(requests, arrival, attempt)
}

async function finish(
  requests: AuthRequests,
  { code, error }: Arrival,
  { verifier: codeVerifier, links }: Pick<Attempt, "verifier" | "links">,
): Promise<Returned> {
  if (error || !code) throw problem(/^\w{1,50}$/.test(error ?? "") ? error! : "invalid_query")
  if (!links) return (await requests.enter("exchange", { code, codeVerifier }))!
  const identity = await requests.ask<Identity>("POST", "identities", { code, codeVerifier })
  return { identity, user: requests.session.user.get()! }
}

export async function signInByPopup(
  requests: AuthRequests,
  popup: Popup | null,
  provider: string,
  options?: LeaveOptions,
): Promise<SignedIn> {
  return (await inPopup(requests, popup, provider, false, options)) as SignedIn
}

export async function linkByPopup(
  requests: AuthRequests,
  popup: Popup | null,
  provider: string,
  options?: LeaveOptions,
): Promise<Identity> {
  return ((await inPopup(requests, popup, provider, true, options)) as { identity: Identity }).identity
}

/** The verifier doesn't leave this page's memory. */
async function inPopup(
  requests: AuthRequests,
  popup: Popup | null,
  provider: string,
  links: boolean,
  options?: LeaveOptions,
): Promise<Returned> {
  if (!popup) throw problem("popup_blocked")
  const id = IN_POPUP + randomText(16)
  const { verifier, way } = await prepare(id, options)
  const address = await addressOf(requests, provider, links, way)
  const arrival = arrivalOf(popup, id)
  popup.location.replace(address)
  return finish(requests, await arrival, { verifier, links })
}

/** The window tells by its own channel: a provider's page may have cut it off from this one (COOP). */
function arrivalOf(popup: Popup, id: string): Promise<Arrival> {
  const { promise, resolve, reject } = Promise.withResolvers<Arrival>()
  const channel = new browser.BroadcastChannel!(id)
  let closed = 0
  // one that was cut off seems closed as well, but then nobody looks at this page
  const timer = setInterval(() => {
    closed = popup.closed && browser.document!.hasFocus() ? closed + 1 : 0
    if (closed > 1) reject(problem("popup_closed"))
  }, LOOK_EVERY_MS)
  channel.addEventListener("message", ({ data }: { data: Arrival }) => {
    channel.postMessage("taken")
    resolve(data)
  })
  return promise.finally(() => {
    clearInterval(timer)
    setTimeout(() => channel.close(), LOOK_EVERY_MS) // what was posted last gets out
  })
}

/** In the window: gives the answer to the page that opened it, and closes. */
async function handOver(id: string, arrival: Arrival): Promise<undefined> {
  const channel = new browser.BroadcastChannel!(id)
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => reject(problem("other_browser")), TAKEN_WITHIN_MS)
  channel.addEventListener("message", () => resolve(undefined))
  channel.postMessage(arrival)
  await promise.finally(() => {
    clearTimeout(timer)
    channel.close()
  })
  browser.close?.()
  return undefined
}

function forgetOld(storage: object, prefix: string): void {
  for (const name of Object.keys(storage).filter((name) => name.startsWith(prefix))) {
    const { at } = JSON.parse((storage as Record<string, string>)[name]!) as Attempt
    if (!(Date.now() - at < KEPT_MS)) delete (storage as Record<string, string>)[name]
  }
}

function nameOf({ base }: AuthRequests, id: string): string {
  return `selvedge ${base} left ${id}`
}

function randomText(bytes: number): string {
  return base64url(crypto.getRandomValues(new Uint8Array(bytes)))
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}

function problem(code: string, cause?: unknown): ProblemError {
  const detail = EXPLAINED[code] ?? "The provider's answer can't be used. Try again, or another way."
  return refusal(code, 0, detail, cause)
}
