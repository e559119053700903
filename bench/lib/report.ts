/** Medians over the rounds, and the table of them. */

import type { Cell } from "./cells.ts"
import type { LoadResult } from "./load.ts"

export interface CellResult {
  readonly cell: Cell
  /** One of each round. */
  readonly slices: (LoadResult & { cpuMs: number })[]
}

export interface Line {
  readonly measure: string
  readonly worker: string
  readonly note: string
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly cpuMs: number
  /** CPU over that of the bare Worker for the same measure, in the same round. */
  readonly ratio: number | undefined
}

export interface Report {
  readonly lines: readonly Line[]
  /** CPU of Selvedge's expand over its list. */
  readonly expandOverList: number | undefined
  /** Milliseconds for so many requests that tell who calls. */
  readonly callers: { readonly byToken2000: number; readonly bySession1000: number } | undefined
}

export function summarise(results: readonly CellResult[]): Report {
  const find = (worker: string, measure: string) =>
    results.find(({ cell }) => cell.worker === worker && cell.measure === measure)
  return {
    lines: results.map(({ cell, slices }): Line => {
      const bare = find("bare", cell.measure)
      return {
        measure: cell.measure,
        worker: cell.worker,
        note: cell.note,
        perSecond: median(slices.map((slice) => (slice.requests / slice.ms) * 1_000)),
        p50: median(slices.map((slice) => slice.p50)),
        p99: median(slices.map((slice) => slice.p99)),
        cpuMs: median(cpuOf(slices)),
        ratio: bare && cell.worker !== "bare" ? ratioOf(slices, bare.slices) : undefined,
      }
    }),
    expandOverList: ratioOf(find("selvedge", "expand")?.slices ?? [], find("selvedge", "list")?.slices ?? []),
    callers: callersOf(find("selvedge", "caller"), find("bare", "caller")),
  }
}

function callersOf(token: CellResult | undefined, session: CellResult | undefined): Report["callers"] {
  if (!token || !session) return undefined
  const msOf = ({ slices }: CellResult, requests: number) =>
    median(slices.map((slice) => (slice.ms / slice.requests) * requests))
  return { byToken2000: msOf(token, 2_000), bySession1000: msOf(session, 1_000) }
}

export function table({ lines, expandOverList, callers }: Report): string {
  const head = ["measure", "Worker", "req/s", "p50 ms", "p99 ms", "CPU ms", "to bare"]
  const rows = lines.map((line) => [
    line.note ? `${line.measure}, ${line.note}` : line.measure,
    line.worker,
    line.perSecond.toFixed(0),
    line.p50.toFixed(1),
    line.p99.toFixed(1),
    line.cpuMs.toFixed(3),
    line.ratio === undefined ? "" : `${line.ratio.toFixed(2)} ×`,
  ])
  const text = [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
  const more = [
    expandOverList !== undefined && `expand over list: ${expandOverList.toFixed(2)} ×`,
    callers &&
      `who calls: 2,000 by an access token take ${callers.byToken2000.toFixed(0)} ms, 1,000 by a session row ${callers.bySession1000.toFixed(0)} ms`,
  ]
  return [text, ...more.filter((line) => line)].join("\n\n")
}

/** Of slices of one round, so that what else the machine does in a round weighs on both. */
function ratioOf(slices: CellResult["slices"], others: CellResult["slices"]): number | undefined {
  const base = cpuOf(others)
  const ratios = cpuOf(slices).flatMap((cpu, round) => (base[round] === undefined ? [] : [cpu / base[round]]))
  return ratios.length > 0 ? median(ratios) : undefined
}

function cpuOf(slices: CellResult["slices"]): number[] {
  return slices.map((slice) => slice.cpuMs / slice.requests)
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
