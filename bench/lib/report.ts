/** Medians over the rounds, and the tables of them. */

import { baseOf, type Cell, type Measure } from "./cells.ts"
import type { Counts } from "./counts.ts"
import type { LoadResult } from "./load.ts"
import type { Steady } from "./steady.ts"

export interface CellResult {
  readonly cell: Cell
  /** One of each round. */
  readonly slices: (LoadResult & { cpuMs: number })[]
}

export interface Line {
  readonly measure: Measure
  readonly worker: string
  readonly note: string
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly cpuMs: number
  /** CPU over that of the bare Worker for the same measure, or of the empty one, in the same round. */
  readonly ratio: number | undefined
  /** Undefined for Workers that don't log. */
  readonly counts: Counts | undefined
}

export interface Report {
  readonly lines: readonly Line[]
  /** CPU of Selvedge's expand over its list. */
  readonly expandOverList: number | undefined
  /** Milliseconds for so many requests that tell who calls; the limiter isn't asked. */
  readonly callers: { readonly byToken2000: number; readonly bySession1000: number } | undefined
  readonly steady: Steady | undefined
}

export function summarise(
  results: readonly CellResult[],
  counts: ReadonlyMap<Cell, Counts>,
  steady: Steady | undefined,
): Report {
  const find = (worker: string, measure: Measure) =>
    results.find(({ cell }) => cell.worker === worker && cell.measure === measure)
  return {
    lines: results.map(({ cell, slices }): Line => {
      const { measure, worker, note } = cell
      const { worker: baseWorker, measure: baseMeasure } = baseOf(measure)
      const base = find(baseWorker, baseMeasure)
      return {
        measure,
        worker,
        note,
        perSecond: median(slices.map((slice) => (slice.requests / slice.ms) * 1_000)),
        p50: median(slices.map((slice) => slice.p50)),
        p99: median(slices.map((slice) => slice.p99)),
        cpuMs: median(cpuOf(slices)),
        ratio: base && base.cell !== cell ? ratioOf(slices, base.slices) : undefined,
        counts: counts.get(cell),
      }
    }),
    expandOverList: ratioOf(find("selvedge", "expand")?.slices ?? [], find("selvedge", "list")?.slices ?? []),
    callers: callersOf(find("unlimited", "caller"), find("bare", "caller")),
    steady,
  }
}

function callersOf(token: CellResult | undefined, session: CellResult | undefined): Report["callers"] {
  if (!token || !session) return undefined
  const msOf = ({ slices }: CellResult, requests: number) =>
    median(slices.map((slice) => (slice.ms / slice.requests) * requests))
  return { byToken2000: msOf(token, 2_000), bySession1000: msOf(session, 1_000) }
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
