/** The runtime that a configuration asks for, in Miniflare's words. */

import { unstable_readConfig as readConfig } from "wrangler"

export function compatibilityOf(config: string): { compatibilityDate: string; compatibilityFlags: string[] } {
  const { compatibility_date, compatibility_flags } = readConfig({ config })
  return { compatibilityDate: compatibility_date!, compatibilityFlags: compatibility_flags }
}
