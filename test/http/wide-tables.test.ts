/** Writes of tables as wide as D1 allows under rules as long as the engine allows: more values than D1 binds. */

import { env } from "cloudflare:workers"
import { integer, real, sqliteTable, text } from "drizzle-orm/sqlite-core"
import { collection, defineBackend } from "selvedge"
import { bigint, recordColumns } from "selvedge/tables"
import { beforeAll, describe, expect, test } from "vitest"
import { MOST_RULE_CONDITIONS } from "../../src/access/check-rules.ts"
import type { Backend } from "../../src/index.ts"
import { createScenario } from "../fixture/scenario.ts"

/** D1 allows 100 columns, four of which every table of records has. */
const MOST_OWN_COLUMNS = 96

const numbers = Array.from({ length: MOST_OWN_COLUMNS }, (_, n) => n)
/** In turn; the numbers are such that JSON rounds them. */
const kinds = [text, real, bigint, integer]
const types = ["TEXT", "REAL", "INTEGER", "INTEGER"]
/** The value of column `n`, another one at each step. */
function wireValue(n: number, step: number): string | number {
  const m = n + step
  return [`text ${m}`, 2 ** 62 + 2 ** 10 * m, String(2n ** 53n + BigInt(m)), 10_000 + m][n % kinds.length]!
}
const rowOf = (step: number) => Object.fromEntries(numbers.map((n) => [`c${n}`, wireValue(n, step)]))

const columns = Object.fromEntries(numbers.map((n) => [`c${n}`, kinds[n % kinds.length]!()]))
const forms = sqliteTable("forms", { ...recordColumns(), ...columns })
const ruled = numbers.slice(0, MOST_RULE_CONDITIONS)
/** Forbids the values of a step in any of the columns. */
const without = (step: number) => () =>
  ({ and: ruled.map((n) => ({ [`c${n}`]: { ne: wireValue(n, step) } })) }) as never
const [HIDDEN, NOT_CREATED, NOT_UPDATED, NOT_DELETED] = [1_000, 2_000, 3_000, 4_000]
const access = {
  read: without(HIDDEN),
  create: without(NOT_CREATED),
  update: without(NOT_UPDATED),
  delete: without(NOT_DELETED),
}
const scenario = createScenario(
  defineBackend({ tables: { forms }, collections: { forms: collection(forms, { access }) } }) as Backend,
  env.FIXTURE,
)

beforeAll(async () => {
  const own = numbers.map((n) => `c${n} ${types[n % types.length]}`)
  await env.FIXTURE.prepare(
    `CREATE TABLE forms (id TEXT PRIMARY KEY NOT NULL, created_at INTEGER, updated_at INTEGER, version INTEGER, ${own.join(", ")}) STRICT`,
  ).run()
})

describe("a record of a hundred columns", () => {
  test("is created, changed, replaced and deleted whole, also under a key", async () => {
    const anonymous = await scenario.as("anonymous")
    const made = await anonymous.post("/v1/forms", { body: rowOf(0), headers: { "Idempotency-Key": "made" } })
    expect([made.status, made.body], made.text).toMatchObject([201, rowOf(0)])
    const path = `/v1/forms/${made.body.id}`
    const headers = { "If-Match": '"1"', "Idempotency-Key": "changed" }
    const changed = await anonymous.patch(path, { body: rowOf(1), headers })
    expect([changed.status, changed.body], changed.text).toMatchObject([200, { ...rowOf(1), version: 2 }])
    const unchanged = await anonymous.patch(path, { body: rowOf(1) })
    expect([unchanged.status, unchanged.body]).toEqual([200, changed.body])
    const body = { ...unchanged.body, ...rowOf(2) }
    const replaced = await anonymous.put(path, { body, headers: { "If-Match": '"2"' } })
    expect([replaced.status, replaced.body], replaced.text).toMatchObject([200, { ...rowOf(2), version: 3 }])
    expect((await anonymous.get(path)).body).toEqual(replaced.body)
    expect((await anonymous.delete(path, { headers: { "If-Match": '"3"' } })).status).toBe(204)
  })

  test("is held to the last condition of every rule", async () => {
    const anonymous = await scenario.as("anonymous")
    for (const n of ruled.slice(-kinds.length)) {
      const odd = (step: number) => ({ ...rowOf(1), [`c${n}`]: wireValue(n, step) })
      const made = await anonymous.post("/v1/forms", { body: odd(NOT_DELETED) })
      const path = `/v1/forms/${made.body.id}`
      expect((await anonymous.post("/v1/forms", { body: odd(NOT_CREATED) })).body.code).toBe("forbidden")
      expect((await anonymous.patch(path, { body: odd(NOT_UPDATED) })).body.code).toBe("forbidden")
      expect((await anonymous.put(path, { body: odd(NOT_UPDATED) })).body.code).toBe("forbidden")
      expect((await anonymous.delete(path)).body.code).toBe("forbidden")
      expect((await anonymous.get(path)).body).toEqual(made.body)
      const kept = await anonymous.post("/v1/forms", { body: odd(NOT_UPDATED) })
      expect((await anonymous.patch(`/v1/forms/${kept.body.id}`, { body: rowOf(2) })).body.code).toBe("forbidden")
      const hidden = await anonymous.patch(path, { body: odd(HIDDEN) })
      expect(hidden.body).toEqual({ id: made.body.id, version: 2 })
      expect((await anonymous.patch(path, { body: rowOf(2) })).status).toBe(404)
    }
  })
})
