/** Medians over the rounds, and the table of them. */

import type { LoadResult } from "../../lib/load.ts"
import { median } from "../../lib/report.ts"
import { type Peer, WORK, type Work } from "./peer.ts"

export interface Measured {
  readonly peer: Peer
  readonly work: Work
  /** One of each round. */
  readonly slices: (LoadResult & { readonly cpuMs: number })[]
}

export interface Line {
  readonly work: Work
  readonly peer: string
  /** Of all processes that serve the peer, for one request. */
  readonly cpuMs: number
  /** CPU over that of Selvedge for the same work, in the same round. */
  readonly ratio: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly leavesOut: string | undefined
}

export function linesOf(measured: readonly Measured[]): Line[] {
  return WORK.flatMap((work) => {
    const all = measured.filter((one) => one.work === work)
    const selvedge = all.find(({ peer }) => peer.name === "selvedge")!
    return all.map(({ peer, slices }) => ({
      work,
      peer: peer.name,
      cpuMs: median(slices.map(cpuOf)),
      ratio: median(slices.map((slice, round) => cpuOf(slice) / cpuOf(selvedge.slices[round]!))),
      perSecond: median(slices.map(({ requests, ms }) => (requests / ms) * 1_000)),
      p50: median(slices.map(({ p50 }) => p50)),
      p99: median(slices.map(({ p99 }) => p99)),
      leavesOut: peer.leavesOut,
    }))
  })
}

function cpuOf({ cpuMs, requests }: Measured["slices"][number]): number {
  return cpuMs / requests
}

export function tableOf(lines: readonly Line[]): string {
  const head = ["work", "backend", "CPU ms", "to Selvedge", "req/s", "p50 ms", "p99 ms", "leaves out"]
  const rows = lines.map((line) => [
    line.work,
    line.peer,
    line.cpuMs.toFixed(3),
    line.peer === "selvedge" ? "" : `${line.ratio.toFixed(2)} ×`,
    line.perSecond.toFixed(0),
    line.p50.toFixed(1),
    line.p99.toFixed(1),
    line.leavesOut ?? "",
  ])
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
}
