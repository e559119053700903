/** Descriptions of providers. They hold no secret and load nothing, so that they can stand in an application's code. */

export type ProviderPreset = OpenIdPreset | GitHubPreset
/** One that lacks nothing. */
export type WholePreset = WholeOpenIdPreset | GitHubPreset

export interface OpenIdPreset {
  readonly kind: "openid"
  /** Undefined: the environment names it. */
  readonly issuer: string | undefined
  /** Separated by spaces. */
  readonly scope: string
}

export interface WholeOpenIdPreset extends OpenIdPreset {
  readonly issuer: string
}

export interface GitHubPreset {
  readonly kind: "github"
  /** Without a slash at the end; the issuer of the identities as well. */
  readonly webUrl: string
  /** Without a slash at the end. */
  readonly apiUrl: string
}

export interface OpenIdPresetOptions {
  /**
   * Character by character as the provider's metadata spells it, a slash at the end included. Without it the Worker's
   * variable `<NAME>_ISSUER` says it.
   */
  issuer?: string
  /** `openid`, `email` and `profile` by default. */
  scopes?: readonly string[]
}

/**
 * Any provider that publishes `/.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
 *
 * @throws TypeError for an issuer that isn't a URL without query and fragment, or for scopes without `openid`.
 */
export function openid(options: OpenIdPresetOptions & { issuer: string }): WholeOpenIdPreset
export function openid(options?: OpenIdPresetOptions): OpenIdPreset
export function openid({ issuer, scopes = ["openid", "email", "profile"] }: OpenIdPresetOptions = {}): OpenIdPreset {
  if (issuer !== undefined) checkWebUrl("issuer", issuer)
  if (!scopes.includes("openid")) throw new TypeError("scopes: `openid` is needed for an ID token")
  return { kind: "openid", issuer, scope: scopes.join(" ") }
}

/** @see https://developers.google.com/identity/openid-connect/openid-connect */
export function google(): WholeOpenIdPreset {
  return openid({ issuer: "https://accounts.google.com" })
}

export interface GitHubPresetOptions {
  /** For GitHub Enterprise Server, such as `https://github.acme.com`. */
  webUrl?: string
  /** For GitHub Enterprise Server, such as `https://github.acme.com/api/v3`. */
  apiUrl?: string
}

/**
 * GitHub speaks OAuth without OpenID: who came is asked of its API.
 *
 * @throws TypeError for addresses that aren't URLs without query and fragment.
 */
export function github({
  webUrl = "https://github.com",
  apiUrl = "https://api.github.com",
}: GitHubPresetOptions = {}): GitHubPreset {
  checkWebUrl("webUrl", webUrl)
  checkWebUrl("apiUrl", apiUrl)
  return { kind: "github", webUrl: webUrl.replace(/\/+$/, ""), apiUrl: apiUrl.replace(/\/+$/, "") }
}

/**
 * @param issuer What the environment says, for a preset that leaves it open.
 * @returns Undefined when nobody says it.
 * @throws TypeError as {@link openid} does.
 */
export function completePreset(preset: ProviderPreset, issuer: string | undefined): WholePreset | undefined {
  if (preset.kind === "github") return preset
  const known = preset.issuer ?? issuer
  return known === undefined ? undefined : openid({ issuer: known, scopes: preset.scope.split(" ") })
}

/** Whether it may be asked at all is for the way out to say. */
function checkWebUrl(option: string, text: string): void {
  const url = URL.parse(text)
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:"
  if (!url || !isWeb || /[?#]/.test(text)) {
    throw new TypeError(`${option}: a URL without query and fragment is needed`)
  }
}
