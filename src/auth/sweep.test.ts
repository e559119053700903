import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { createAuthScenario } from "../../test/auth/scenario.ts"
import { sweepQueries } from "./sweep.ts"

const DAY_MS = 24 * 3600 * 1000

test("secrets go when they expire, sessions a month after they ended, the audit after 400 days", async () => {
  const scenario = createAuthScenario({ sessions: { absoluteDays: 10 } })
  const { user } = await scenario.newUser()
  const left = async (days: number) => {
    const now = scenario.now() + days * DAY_MS
    await env.DB.batch(sweepQueries(now).map(({ sql, params }) => env.DB.prepare(sql).bind(...params)))
    const counts = await Promise.all(
      ["_one_time", "_sessions", "_auth_events"].map((table) =>
        env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE user_id = ?`).bind(user.id).first<number>("n"),
      ),
    )
    return counts
  }
  expect(await left(0)).toEqual([1, 1, 1])
  expect(await left(2)).toEqual([0, 1, 1])
  expect(await left(39)).toEqual([0, 1, 1])
  expect(await left(40.1)).toEqual([0, 0, 1])
  expect(await left(400.1)).toEqual([0, 0, 0])
})
