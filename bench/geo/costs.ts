/** `npm run bench:costs`: what a million requests of each kind cost, out of counted paths and list prices. */

import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { dollars, freeADay, mixed, SERVICES, type Service, type Use, useOf } from "./bill.ts"
import { pathOf, paths } from "./inputs.ts"
import usage from "./usage.json" with { type: "json" }

const RESULTS = join(import.meta.dirname, "costs.json")
const NAMES = {
  workerRequests: "requests",
  cpuMs: "CPU ms",
  d1RowsRead: "rows read",
  d1RowsWritten: "rows written",
  objectRequests: "object calls",
  objectGbSeconds: "object GB-s",
  objectRowsWritten: "object rows",
  kvKeysRead: "KV keys read",
  kvWrites: "KV writes",
  queueOperations: "queue operations",
} satisfies Record<Service, string>
/** The services of one bill, and what of them is counted. */
const BILLS: Readonly<Record<string, readonly Service[]>> = {
  Workers: ["workerRequests", "cpuMs"],
  D1: ["d1RowsRead", "d1RowsWritten"],
  objects: ["objectRequests", "objectGbSeconds", "objectRowsWritten"],
  KV: ["kvKeysRead", "kvWrites"],
  queue: ["queueOperations"],
}

const { note: _, ...shares } = usage.mix
const shop = mixed(Object.entries(shares).map(([kind, share]) => ({ use: useOf(kind, pathOf(kind)), share })))
const bills = [
  ...[...paths].map(([kind, path]) => ({ kind, use: useOf(kind, path) })),
  { kind: "a small shop", use: shop },
]

console.log(
  [
    "List prices of the paid plan, beyond what it includes; counts of test/geo/paths.test.ts.",
    "",
    ...rows(["one request of", ...SERVICES.map((service) => NAMES[service])], usesOf),
    "",
    ...rows(["a million of", "dollars", ...Object.keys(BILLS)], sharesOf),
    "",
    ...rows(["the free plan, of", "requests a day", "bounded by"], freeOf),
    "",
    "The free plan also ends a request at 10 ms CPU, which no sign-in with a password keeps to.",
  ].join("\n"),
)
const told = bills.map(({ kind, use }) => ({ kind, use, dollarsPerMillion: dollars(use), freeADay: freeADay(use) }))
await writeFile(RESULTS, `${JSON.stringify({ bills: told }, undefined, 2)}\n`)

function rows(head: string[], cellsOf: (use: Use) => string[]): string[] {
  const body = bills.map(({ kind, use }) => [kind, ...cellsOf(use)])
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`)
}

function usesOf(use: Use): string[] {
  return SERVICES.map((service) => (use[service] === 0 ? "" : trimmed(use[service])))
}

function sharesOf(use: Use): string[] {
  const cost = dollars(use)
  const total = sum(SERVICES.map((service) => cost[service]))
  const shares = Object.values(BILLS).map((services) => sum(services.map((service) => cost[service])) / total)
  return [total.toFixed(2), ...shares.map((share) => (share < 0.005 ? "" : `${Math.round(100 * share)} %`))]
}

function freeOf(use: Use): string[] {
  const { requests, bound } = freeADay(use)
  return [Math.floor(requests).toLocaleString("en"), NAMES[bound]]
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
