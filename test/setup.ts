import { applyD1Migrations, reset } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeAll } from "vitest"

/** A reset that comes while a database is still busy leaves its tables there. */
const MOST_RESETS = 10

beforeAll(async () => {
  await empty()
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS)
  await env.FIXTURE.batch(env.TEST_FIXTURE.map((statement) => env.FIXTURE.prepare(statement)))
})

async function empty(): Promise<void> {
  for (let resets = 0; resets < MOST_RESETS; resets++) {
    await reset()
    const counts = await Promise.all(
      [env.DB, env.FIXTURE, env.REPLICA].map((d1) =>
        d1
          .prepare(
            "SELECT count(*) AS n FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
          )
          .first<number>("n"),
      ),
    )
    if (counts.every((n) => n === 0)) return
  }
}
