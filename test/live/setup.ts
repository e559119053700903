/** The database of the live tests, made once: sockets and objects of one file are gone before the next one begins. */

import { env } from "cloudflare:workers"
import { afterEach, beforeAll } from "vitest"
import { closeAll } from "./client.ts"

beforeAll(async () => {
  // a line for each request
  console.log = () => {}
  const count = "SELECT count(*) AS n FROM sqlite_master WHERE name = '_changes'"
  if ((await env.DB.prepare(count).first<number>("n")) === 0)
    await env.DB.batch(env.TEST_FIXTURE.map((statement) => env.DB.prepare(statement)))
})

afterEach(closeAll)
