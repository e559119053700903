/** What a client says of a filter and of an order is what the server says, for every kind of value. */

import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { callerScope } from "../../src/access/visibility.ts"
import { Http } from "../../src/client/http.ts"
import { createConnection } from "../../src/client/live/connection.ts"
import type { LiveConnection, Snapshot } from "../../src/client/live/contract.ts"
import { matches } from "../../src/client/live/match.ts"
import { Order } from "../../src/client/live/order.ts"
import type { ClientRecord } from "../../src/client/outbox.ts"
import { Session } from "../../src/client/session.ts"
import { createClient } from "../../src/client.ts"
import { ANONYMOUS } from "../../src/core/caller.ts"
import { filtersOver } from "../property/filters.ts"
import { insertStatements, rowOf, runAll } from "../property/rows.ts"
import { backend } from "./lists-app/backend.ts"
import * as tables from "./lists-app/schema.ts"
import { type App, LONG, startApp } from "./lists-fixture.ts"

const ROWS = 100
const FILTERS = LONG ? 5_000 : 60
const AT_ONCE = 20
/** Of all verdicts, those that only the server can give. */
const MOST_UNKNOWN = 0.1

const items = backend.collections.get("items")!
const SORTS = items.sorts.flatMap(({ text }) => [text, turnedRound(text)])
let app: App

beforeAll(async () => {
  app = await startApp()
  const drawn = fc.tuple(
    ...Array.from({ length: ROWS }, (_, n) => rowOf(tables.items, n, { boxId: fc.constant(null) })),
  )
  const [rows] = fc.sample(drawn, { numRuns: 1, ...(!LONG && { seed: 11 }) })
  await runAll(app.database, insertStatements(app.database, tables.items, rows!))
})

afterAll(() => app?.stop())

test("a filter says the same of a record in the client as at the server, or nothing", async () => {
  const client = createClient(app.url, { storage: "memory" })
  const { data: records } = await client.items!.list({ limit: ROWS })
  expect(records).toHaveLength(ROWS)
  const filters = fc.sample(filtersOver(items, callerScope(items, ANONYMOUS), { relations: 1 }), {
    numRuns: FILTERS,
    ...(!LONG && { seed: 12 }),
  })
  let unknown = 0
  for (let start = 0; start < filters.length; start += AT_ONCE)
    await Promise.all(
      filters.slice(start, start + AT_ONCE).map(async (filter) => {
        const { data } = await client.items!.list({ filter, limit: ROWS, fields: ["id"] })
        const found = new Set(data.map(({ id }) => id))
        for (const record of records) {
          const verdict = matches(filter, record)
          if (verdict === undefined && !goesFar(filter)) unknown++
          if (verdict !== undefined && verdict !== found.has(record.id))
            expect.fail(`${JSON.stringify(filter)} is ${verdict} of ${JSON.stringify(record)}`)
        }
      }),
    )
  expect(unknown / (FILTERS * ROWS)).toBeLessThan(MOST_UNKNOWN)
})

test("records are in the order of each sort as the server's are", async () => {
  const http = new Http({ base: app.url, fetch })
  const session = new Session({ http, keeping: "memory" })
  const connection = createConnection({ http, session, webSocket: WebSocket })
  const snapshots = await Promise.all(SORTS.map((sort) => snapshotOf(connection, sort)))
  connection.close()
  for (const { data, sort } of snapshots) {
    expect(data).toHaveLength(ROWS)
    const mixed = [...data].sort((one, other) => (mix(one) < mix(other) ? -1 : 1))
    const sorted = mixed.sort(new Order(sort, data).compare)
    expect([sort, ...sorted.map(({ id }) => id)]).toEqual([sort, ...data.map(({ id }) => id)])
  }
})

/** Through a relation, which no client can judge. */
function goesFar(filter: object): boolean {
  return JSON.stringify(filter).includes('"box"')
}

function turnedRound(sort: string): string {
  return sort
    .split(",")
    .map((key) => (key.startsWith("-") ? key.slice(1) : `-${key}`))
    .join()
}

function mix({ id }: ClientRecord): string {
  return [...id].reverse().join("")
}

function snapshotOf(connection: LiveConnection, sort: string): Promise<Snapshot> {
  return new Promise((resolve, reject) => {
    connection.follow(
      "items",
      { sort, limit: ROWS },
      {
        take: (message) => message.type === "snapshot" && resolve(message),
        fail: reject,
        connected: () => undefined,
      },
    )
  })
}
