/** The report as text. */

import type { Counts } from "./counts.ts"
import type { Line, Report } from "./report.ts"

const HEAD = [
  "measure",
  "Worker",
  "req/s",
  "p50 ms",
  "p99 ms",
  "CPU ms",
  "ratio",
  "statements",
  "rows read",
  "rows written",
  "limiter calls",
  "KV reads",
]
/** Ratios to the base of the measure, at most. */
const GOALS = [
  ...(["get", "list", "expand", "create"] as const).map((measure) => ({ measure, worker: "selvedge", most: 1.25 })),
  { measure: "list", worker: "selvedge", most: 1.4, note: ", with token, access and limit" },
  ...(["cached get", "cached list", "cached expand"] as const).map((measure) => ({
    measure,
    worker: "cached",
    most: 2,
  })),
]
const MOST_STEADY_CALLS = 0.1

export function table({ lines, expandOverList, callers }: Report): string {
  const rows = lines.map((line) => [
    line.note ? `${line.measure}, ${line.note}` : line.measure,
    line.worker,
    line.perSecond.toFixed(0),
    line.p50.toFixed(1),
    line.p99.toFixed(1),
    line.cpuMs.toFixed(3),
    times(line.ratio),
    ...countsOf(line.counts),
  ])
  const more = [
    expandOverList !== undefined && `expand over list: ${times(expandOverList)}`,
    callers &&
      `who calls: 2,000 by an access token take ${callers.byToken2000.toFixed(0)} ms, 1,000 by a session row ${callers.bySession1000.toFixed(0)} ms`,
  ]
  return [markdown(HEAD, rows), ...more.filter((line) => line)].join("\n\n")
}

function countsOf(counts: Counts | undefined): string[] {
  if (!counts) return ["", "", "", "", ""]
  const { statements, rowsRead, rowsWritten, limiterCalls, kvReads } = counts
  return [statements, rowsRead, rowsWritten, limiterCalls, kvReads].map((value) => String(+value.toFixed(2)))
}

/** Each goal beside what was measured. */
export function goalsTable({ lines, expandOverList, callers, steady }: Report): string {
  const find = (measure: string, worker: string) =>
    lines.find((line: Line) => line.measure === measure && line.worker === worker && line.note === "")
  const ratios = GOALS.map(({ measure, worker, most, ...more }) => {
    const name = `${measure}${"note" in more ? more.note : ""}`
    return goal(name, find(measure, worker)?.ratio, most, times)
  })
  const calls = steady && steady.limiterCalls / steady.requests
  const plain = (value: number) => value.toFixed(2)
  const rows = [
    ...ratios,
    goal("expand over list", expandOverList, 1.25, times),
    goal(
      "2,000 callers by token over 1,000 by a session row, in time",
      callers && callers.byToken2000 / callers.bySession1000,
      1,
      times,
    ),
    goal("D1 statements of a cached list", find("cached list", "cached")?.counts?.statements, 0, plain),
    goal("limiter calls of a request, steadily at half the limit", calls, MOST_STEADY_CALLS, plain),
  ]
  return markdown(
    ["goal", "at most", "measured", ""],
    rows.flatMap((row) => (row ? [row] : [])),
  )
}

function goal(name: string, value: number | undefined, most: number, text: (value: number) => string) {
  return value === undefined ? undefined : [name, text(most), text(value), value <= most ? "met" : "**missed**"]
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : `${ratio.toFixed(2)} ×`
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
}
