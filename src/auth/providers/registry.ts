/** The providers that are on: those that the application names and the environment has credentials for. */

import { completePreset, type ProviderPreset } from "./presets.ts"
import type { Provider } from "./provider.ts"
import { createSafeFetch, type SafeFetchOptions } from "./safe-fetch.ts"

export interface RegisteredProvider {
  readonly name: string
  readonly issuer: string
  /** The same one each time, since it remembers what it has learnt. Loads the OAuth library. */
  open(): Promise<Provider>
}

/** By name. */
export type Providers = ReadonlyMap<string, RegisteredProvider>

export interface ProvidersOptions extends SafeFetchOptions {
  presets: Readonly<Record<string, ProviderPreset>>
  /** A variable or secret of the environment, such as `GOOGLE_CLIENT_ID`; undefined where it isn't set. */
  read: (variable: string) => string | undefined
}

/**
 * Asks nobody anything yet.
 *
 * @throws TypeError when the environment names an issuer that is none.
 */
export function createProviders({ presets, read, ...options }: ProvidersOptions): Providers {
  const fetch = createSafeFetch(options)
  const providers = new Map<string, RegisteredProvider>()
  for (const [name, declared] of Object.entries(presets)) {
    const prefix = name.toUpperCase().replaceAll("-", "_")
    const preset = completePreset(declared, read(`${prefix}_ISSUER`))
    const clientId = read(`${prefix}_CLIENT_ID`)
    const clientSecret = read(`${prefix}_CLIENT_SECRET`)
    if (!preset || !clientId || !clientSecret) continue
    let provider: Provider | undefined
    providers.set(name, {
      name,
      issuer: preset.kind === "github" ? preset.webUrl : preset.issuer,
      async open() {
        const { createProvider } = await import("./create-provider.ts")
        provider ??= createProvider(name, preset, { clientId, clientSecret }, { fetch })
        return provider
      },
    })
  }
  return providers
}
