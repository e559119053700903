/** From a description and its credentials to a provider. Brings the OAuth library along, so load it where it is needed. */

import { createGitHubProvider } from "./github.ts"
import { createOpenIdProvider } from "./openid.ts"
import type { WholePreset } from "./presets.ts"
import type { Provider, ProviderCredentials } from "./provider.ts"
import type { SafeFetch } from "./safe-fetch.ts"

export interface ProviderOptions {
  fetch: SafeFetch
}

/**
 * Asks nobody anything yet. What it learns of the provider it remembers, so keep one for the life of the isolate.
 *
 * @param name The name in our own URLs.
 */
export function createProvider(
  name: string,
  preset: WholePreset,
  credentials: ProviderCredentials,
  { fetch }: ProviderOptions,
): Provider {
  return preset.kind === "github"
    ? createGitHubProvider(name, preset, credentials, fetch)
    : createOpenIdProvider(name, preset, credentials, fetch)
}
