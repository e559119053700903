/** The requests that the simulation times, in the order of its table. */

import { model, pathOf } from "./inputs.ts"
import type { Kind, Mix } from "./simulate.ts"

export interface Row {
  readonly name: string
  readonly group: "readers" | "writers"
  readonly mix: Mix
}

const { isolate, kv, miss } = model.shares.publicReads
const reader = (path: string): Kind => ({ path: pathOf(path), safe: true })
const writer = (path: string): Kind => ({ path: pathOf(path), safe: false })
const all = (kind: Kind): Mix => [{ kind, share: 1 }]
const inIsolate = reader("kept, in the isolate")
const fromKv = reader("kept, from KV")

/** What the goal of a cached read is held to: the slower of the two ways. */
export const CACHED = "kept, from KV"
export const UNCACHED = "list, not kept"

export const ROWS: readonly Row[] = [
  { name: "kept, in the isolate", group: "readers", mix: all(inIsolate) },
  { name: CACHED, group: "readers", mix: all(fromKv) },
  { name: "kept, from KV, a caller's first", group: "readers", mix: all({ ...fromKv, isFirst: true }) },
  {
    name: "public list, mixed",
    group: "readers",
    mix: [
      { kind: inIsolate, share: isolate },
      { kind: fromKv, share: kv },
      { kind: reader("kept nowhere"), share: miss },
    ],
  },
  { name: UNCACHED, group: "readers", mix: all(reader("list")) },
  { name: "create", group: "writers", mix: all(writer("create")) },
  { name: "create, idempotent", group: "writers", mix: all(writer("create, idempotent")) },
  { name: "checkout", group: "writers", mix: all(writer("checkout")) },
  { name: "sign-in", group: "writers", mix: all({ ...writer("sign-in"), guesses: true }) },
]
