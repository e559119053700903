/** A client's reading of filters and of orders: it says what the server says, or that it can't know. */

import fc from "fast-check"
import { expect, test } from "vitest"
import { callerScope } from "../../src/access/visibility.ts"
import { matches } from "../../src/client/live/match.ts"
import { Order } from "../../src/client/live/order.ts"
import type { ClientRecord } from "../../src/client/outbox.ts"
import { ANONYMOUS } from "../../src/core/caller.ts"
import { tableModel } from "../../src/schema/table-model.ts"
import { backend } from "../fixture/backend.ts"
import * as tables from "../fixture/schema.ts"
import { filtersOver } from "./filters.ts"
import { compareValues, holds, type World } from "./reference.ts"
import { rowOf } from "./rows.ts"
import { runs, TIMEOUT } from "./runs.ts"
import type { Row } from "./values.ts"

const ROWS = 40
/** Of all verdicts, those that only the server can give: most of them about texts that could be times or numbers. */
const MOST_UNKNOWN = 0.05
const NOWHERE: World = { tables: new Map(), sees: () => false }

const notes = backend.collections.get("notes")!
const model = tableModel(tables.notes)
const columns = model.columns.filter(({ kind }) => kind !== "json" && kind !== "blob")
const rows = fc.tuple(...Array.from({ length: ROWS }, (_, n) => rowOf(tables.notes, n)))

test(
  "a filter is true of the same records as at the server, or the client doesn't know",
  () => {
    const counts = { all: 0, unknown: 0 }
    fc.assert(
      fc.property(filtersOver(notes, callerScope(notes, ANONYMOUS)), rows, (filter, drawn) => {
        for (const row of drawn) {
          const verdict = matches(filter, row)
          counts.all++
          if (verdict === undefined) counts.unknown++
          else expect([verdict, row]).toEqual([holds(filter, model, notes, row, NOWHERE), row])
        }
      }),
      runs(2_000, 50_000),
    )
    expect(counts.unknown / counts.all).toBeLessThan(MOST_UNKNOWN)
  },
  TIMEOUT,
)

test(
  "what lacks a field is judged only by what is there",
  () => {
    const left = fc.subarray(model.columns.map(({ key }) => key))
    fc.assert(
      fc.property(filtersOver(notes, callerScope(notes, ANONYMOUS)), rows, left, (filter, drawn, names) => {
        for (const row of drawn) {
          const verdict = matches(filter, pick(row, names))
          if (verdict !== undefined) expect([verdict, row]).toEqual([holds(filter, model, notes, row, NOWHERE), row])
        }
      }),
      runs(300, 10_000),
    )
  },
  TIMEOUT,
)

test(
  "records are in the order of the server's, also those that come after the snapshot",
  () => {
    const keys = fc.subarray(columns, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(keys, fc.infiniteStream(fc.boolean()), rows, (chosen, signs, drawn) => {
        const sort = [...chosen.map(({ key }) => (signs.next().value ? `-${key}` : key)), "id"]
        const inOrder = [...(drawn as ClientRecord[])].sort((a, b) => compareRows(sort, a, b))
        const order = new Order(
          sort.join(),
          inOrder.filter((_, i) => i % 2 === 0),
        )
        for (const record of inOrder) order.see(record)
        const byId = [...inOrder].sort((a, b) => (a.id < b.id ? 1 : -1))
        expect(byId.sort(order.compare)).toEqual(inOrder)
      }),
      runs(300, 20_000),
    )
  },
  TIMEOUT,
)

function compareRows(sort: readonly string[], one: Row, other: Row): number {
  for (const key of sort) {
    const name = key.replace("-", "")
    const sign = compareValues(model.byKey.get(name)!, one[name] ?? null, other[name] ?? null)
    if (sign !== 0) return key === name ? sign : -sign
  }
  return 0
}

function pick(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)))
}
