/** The results as text, and each goal beside what was measured. */

import type { Matching } from "./matching.ts"
import type { Delay, Flood, Result, Saturation } from "./measure.ts"

const HEAD = [
  "subscribers",
  "server",
  "p50 / p99 ms, 1 a second",
  "10 a second",
  "messages/s",
  "frames/s",
  "CPU µs a message",
  "KB a socket",
  "idle CPU ms/s",
]
const MOST_P99 = 1.25
const FEWEST_MESSAGES = 4
/** Half a percent of a core, for all sockets together. */
const MOST_IDLE_MS = 5
const MOST_FOR_MATCHING = 3

export function tableOf(results: readonly Result[]): string {
  const rows = results.flatMap((result) =>
    result.floods.map((flood, n) => [
      result.subscribers.toLocaleString("en"),
      `${result.subject}${n === 0 ? "" : `, ${nameOf(flood)}`}`,
      n === 0 ? delay(result.slow) : "",
      n === 0 ? delay(result.quick) : "",
      Math.round(flood.messagesPerSecond).toLocaleString("en") + note(flood),
      Math.round(flood.framesPerSecond).toLocaleString("en"),
      flood.cpuMicrosPerMessage.toFixed(1),
      n === 0 ? (result.kbPerSocket?.toFixed(0) ?? "") : "",
      n === 0 ? result.idleCpuMsPerSecond.toFixed(1) : "",
    ]),
  )
  return markdown(HEAD, rows)
}

function nameOf({ how, inFlight }: Flood): string {
  return how === "rows" ? "by SQL" : `${inFlight} in flight`
}

function delay(of: Delay | undefined): string {
  if (!of) return "–"
  return `${of.p50.toFixed(1)} / ${of.p99.toFixed(1)}${of.isSaturated ? ", saturated" : ""}`
}

function note({ missing, heldUp }: Saturation): string {
  if (missing > 0) return `, ${missing.toLocaleString("en")} never came`
  return heldUp > 0.1 ? `, publishers held up for ${Math.round(heldUp * 100)} %` : ""
}

export function matchingTable({ matching, few, many }: Matching): string {
  const rows = [few, many].map(({ subscriptions, byPost, byRows }) => [
    `${subscriptions.toLocaleString("en")}, of which ${matching} match`,
    byPost.toFixed(2),
    byRows.toFixed(2),
  ])
  return markdown(["subscriptions", "CPU ms a change, by POST", "by SQL"], rows)
}

export function goalsTable(results: readonly Result[], matching: Matching | undefined): string {
  const sizes = [...new Set(results.map(({ subscribers }) => subscribers))]
  const rows = [
    ...sizes.flatMap((size) => goalsOf(results.filter(({ subscribers }) => subscribers === size))),
    ...(matching ? matchingGoals(matching) : []),
  ]
  return markdown(["goal", "", "measured", ""], rows)
}

function goalsOf(results: readonly Result[]): string[][] {
  const find = (name: string) => results.find(({ subject }) => subject === name)
  const [bare, ...faster] = ["bare", "ws", "socket.io"].map(find)
  return ["selvedge channel", "selvedge query"].flatMap((name) => {
    const own = find(name)
    if (!own) return []
    const place = (what: string) => `${own.subscribers.toLocaleString("en")}, ${name}: ${what}`
    const p99 = (which: "slow" | "quick") => {
      const [ours, theirs] = [own[which], bare?.[which]]
      return ours && theirs && !ours.isSaturated && !theirs.isSaturated ? ours.p99 / theirs.p99 : undefined
    }
    const floods = own.floods.flatMap((flood) => {
      const over = (other: Result | undefined) => {
        const theirs = other?.floods.find(({ inFlight }) => inFlight === flood.inFlight)
        return theirs && flood.messagesPerSecond / theirs.messagesPerSecond
      }
      const what = `messages/s, ${nameOf(flood)}, over`
      return [
        atLeast(place(`${what} bare`), over(bare), FEWEST_MESSAGES),
        ...faster.map((other) => atLeast(place(`${what} ${other?.subject}`), over(other), 1)),
      ]
    })
    const idle = bare && own.idleCpuMsPerSecond - bare.idleCpuMsPerSecond
    const memory = own.kbPerSocket && bare?.kbPerSocket && own.kbPerSocket / bare.kbPerSocket
    return [
      atMost(place("p99 at 1 a second over bare"), p99("slow"), MOST_P99),
      atMost(place("p99 at 10 a second over bare"), p99("quick"), MOST_P99),
      ...floods,
      atMost(place("memory of a socket over bare"), memory, 1),
      atMost(place("idle CPU beyond bare"), idle, MOST_IDLE_MS, (value) => `${value.toFixed(1)} ms/s`),
    ].filter((row) => row !== undefined)
  })
}

function matchingGoals({ matching, few, many }: Matching): string[][] {
  const what = `CPU of a change, ${many.subscriptions.toLocaleString("en")} subscriptions of which ${matching} match over ${matching} alone`
  return [
    atMost(`${what}, by POST`, many.byPost / few.byPost, MOST_FOR_MATCHING),
    atMost(`${what}, by SQL`, many.byRows / few.byRows, MOST_FOR_MATCHING),
  ].filter((row) => row !== undefined)
}

const times = (value: number) => `${value.toFixed(2)} ×`

function atMost(name: string, value: number | undefined, most: number, text = times): string[] | undefined {
  return value === undefined ? undefined : [name, `≤ ${text(most)}`, text(value), verdict(value <= most)]
}

function atLeast(name: string, value: number | undefined, least: number): string[] | undefined {
  return value === undefined ? undefined : [name, `≥ ${times(least)}`, times(value), verdict(value >= least)]
}

function verdict(isMet: boolean): string {
  return isMet ? "met" : "**missed**"
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n")
}
