/** `/health`, `/health/ready` and the public keys. */

import type { Hono } from "hono"
import type { Tokens } from "../../auth/tokens.ts"
import { FRESHNESS } from "../../db/database.ts"
import { noParameters } from "../../query/parameters.ts"
import type { AppEnv } from "../context.ts"
import { methodNotAllowed } from "../methods.ts"

/** Seconds that the public keys may be cached; a new key is published at least as long before it signs. */
const KEYS_MAX_AGE = 300

export function operationRoutes(app: Hono<AppEnv>, tokens: Tokens): void {
  app.get("/health", (c) => {
    noParameters(c.req.url)
    return c.json({ status: "ok" })
  })
  app.get("/health/ready", async (c) => {
    noParameters(c.req.url)
    const database = await probe(async () => {
      const [row] = await c.get("state").db.read({ sql: `SELECT ${FRESHNESS} AS freshness`, params: [] })
      c.get("state").db.sawFreshness(row?.freshness)
    })
    const signingKeys = await probe(() => tokens.jwks())
    const ready = [database, signingKeys].every((dependency) => dependency.status === "ok")
    return c.json({ status: ready ? "ok" : "unavailable", dependencies: { database, signingKeys } }, ready ? 200 : 503)
  })
  app.get("/.well-known/jwks.json", async (c) => {
    noParameters(c.req.url)
    return c.json(await tokens.jwks(), 200, { "Cache-Control": `public, max-age=${KEYS_MAX_AGE}` })
  })
  for (const path of ["/health", "/health/ready", "/.well-known/jwks.json", "/openapi.json", "/docs"]) {
    app.all(path, () => {
      throw methodNotAllowed(["GET", "HEAD"])
    })
  }
}

async function probe(check: () => Promise<unknown>): Promise<{ status: "ok" | "unavailable" }> {
  try {
    await check()
    return { status: "ok" }
  } catch (error) {
    console.error(JSON.stringify({ level: "error", event: "dependency_unavailable", detail: String(error) }))
    return { status: "unavailable" }
  }
}
