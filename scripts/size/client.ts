/** How large the client is, as `/selvedge.js` has it: what each page loads, what comes with a live list, and the rest. */

import { gzipSync } from "node:zlib"
import { bundleClient, type ClientFile } from "../client-assets.ts"

/** Records and sign-in, gzipped. */
const LARGEST_BYTES = 8 * 1024
/** With the first live list. */
const LARGEST_BYTES_WITH_LIVE = 12 * 1024
const LIVE = /live[/\\]open\.ts$/

export interface ClientSize {
  readonly report: string
  readonly isSmallEnough: boolean
}

export async function measureClient(): Promise<ClientSize> {
  const [entry, ...parts] = await bundleClient()
  const shared = parts.filter(({ source }) => source === "")
  const bytes = [entry, ...shared].reduce((sum, part) => sum + gzipped(part), 0)
  const live = parts.find(({ source }) => LIVE.test(source))!
  const withLive = bytes + gzipped(live)
  const rest = parts
    .filter((part) => part !== live && part.source !== "")
    .map((part) => `${kib(gzipped(part))} for ${part.source}`)
  return {
    report: `client        ${kib(bytes)} gzipped for records and sign-in (limit ${kib(LARGEST_BYTES)})
              ${kib(withLive)} with live lists (limit ${kib(LARGEST_BYTES_WITH_LIVE)})
              only where it is used: ${rest.join(", ")}`,
    isSmallEnough: bytes <= LARGEST_BYTES && withLive <= LARGEST_BYTES_WITH_LIVE,
  }
}

function gzipped({ code }: ClientFile): number {
  return gzipSync(code, { level: 9 }).byteLength
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`
}
