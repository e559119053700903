import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { createKey } from "../../src/auth/keys.ts"
import { createFaultyD1 } from "../fixture/faulty-d1.ts"
import { createScenario } from "../fixture/scenario.ts"
import { backend } from "./scenario.ts"

const ADA = "0199aaaa-0000-7000-8000-0000000000d1"

test.each([
  ["is busy", ["D1_ERROR: D1 DB is overloaded. Requests queued for too long."]],
  ["is away, twice", ["D1_ERROR: Network connection lost.", "D1_ERROR: Network connection lost."]],
])("who calls can't be told while the database %s: 503, not 500, and no fault of the caller's", async (_, texts) => {
  const { send, faulty, logged } = await world()
  faulty.faults.push(...texts.map((text) => ({ text })))
  const answer = await send()
  expect([answer.status, answer.body.code], answer.text).toEqual([503, "overloaded"])
  expect(answer.headers.get("Retry-After")).toMatch(/^[123]$/)
  expect(answer.headers.get("RateLimit")).toBeNull()
  expect(logged.some(({ limiterCalls }) => limiterCalls)).toBe(false)
  expect((await send()).status).toBe(200)
})

test("a key is looked up once more when the database was away for a moment", async () => {
  const { send, faulty } = await world()
  faulty.faults.push({ text: "D1_ERROR: Network connection lost.", isCarriedOut: true })
  expect((await send()).status).toBe(200)
})

async function world() {
  const faulty = createFaultyD1()
  const { key, hash, prefix } = createKey("api")
  await env.FIXTURE.batch([
    env.FIXTURE.prepare(
      "INSERT INTO _users (id, created_at, updated_at, version, email, name) VALUES (?, 1, 1, 1, ?, 'Ada') ON CONFLICT DO NOTHING",
    ).bind(ADA, "ada-identity@example.com"),
    env.FIXTURE.prepare(
      "INSERT INTO _keys (id, hash, prefix, kind, user_id, name, scopes, created_at) VALUES (?, ?, ?, 'api', ?, 'k', '[\"teams:read\"]', 1)",
    ).bind(hash.slice(0, 20), hash, prefix, ADA),
  ])
  const { send, logged } = createScenario(backend, faulty.d1, Date.now, { limited: true })
  const headers = { Authorization: `Bearer ${key}`, "CF-Connecting-IP": "198.51.100.200" }
  return { faulty, logged, send: () => send("GET", "/v1/teams", { headers }) }
}
