import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { type AuthScenario, createAuthScenario } from "../../test/auth/scenario.ts"
import { sweepQueries } from "./sweep.ts"

const DAY_MS = 24 * 3600 * 1000

/** Sweeps so many days from now. @returns How many rows of the user are left. */
async function sweep(scenario: AuthScenario, userId: string, days: number) {
  const now = scenario.now() + days * DAY_MS
  await env.DB.batch(sweepQueries(now).map(({ sql, params }) => env.DB.prepare(sql).bind(...params)))
  return Promise.all(
    ["_one_time", "_sessions", "_auth_events"].map((table) =>
      env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE user_id = ?`).bind(userId).first<number>("n"),
    ),
  )
}

test("secrets go when they expire, sessions a month after they ended, the audit after 400 days", async () => {
  const scenario = createAuthScenario({ sessions: { absoluteDays: 10 } })
  const { user } = await scenario.newUser()
  await scenario.settled()
  const left = (days: number) => sweep(scenario, user.id, days)
  expect(await left(0)).toEqual([1, 1, 1])
  expect(await left(2)).toEqual([0, 1, 1])
  expect(await left(39)).toEqual([0, 1, 1])
  expect(await left(40.1)).toEqual([0, 0, 1])
  expect(await left(400.1)).toEqual([0, 0, 0])
})

test("a mail that couldn't be sent waits a week, and its job then sends nothing", async () => {
  const scenario = createAuthScenario()
  const { user, email } = await scenario.newUser()
  expect(await sweep(scenario, user.id, 6.9)).toEqual([1, 1, 1])
  expect(await sweep(scenario, user.id, 7)).toEqual([0, 1, 1])
  expect(await scenario.mails(email)).toEqual([])
})
