/** `/health`, `/health/ready` and the public keys. */

import type { Hono } from "hono"
import type { Tokens } from "../../auth/tokens.ts"
import type { SinkStatus } from "../../changes/sink.ts"
import { inTime } from "../../core/wait.ts"
import { type Database, FRESHNESS_QUERY } from "../../db/database.ts"
import { noParameters } from "../../query/parameters.ts"
import type { AppEnv } from "../context.ts"
import { methodNotAllowed } from "../methods.ts"

/** Seconds that the public keys may be cached; a new key is published at least as long before it signs. */
const KEYS_MAX_AGE = 300
const LONGEST_PROBE_MS = 3_000
/** So many failures in a row are more than a hitch. */
const FAILING_AFTER = 3

export interface OperationOptions {
  readonly tokens: Tokens
  readonly feed: { status(): Promise<SinkStatus[]> }
}

export function operationRoutes(app: Hono<AppEnv>, { tokens, feed }: OperationOptions): void {
  app.get("/health", (c) => {
    noParameters(c.req.url)
    return c.json({ status: "ok" })
  })
  app.get("/health/ready", async (c) => {
    noParameters(c.req.url)
    const { db } = c.get("state")
    const [newest, keys, sinks] = await Promise.all([
      probe(() => newestChange(db)),
      probe(() => tokens.jwks()),
      probe(() => feed.status()),
    ])
    const dependencies = { database: stateOf(newest), signingKeys: stateOf(keys), feed: feedState(sinks, newest) }
    const isReady = Object.values(dependencies).every(({ status }) => status === "ok")
    return c.json({ status: isReady ? "ok" : "unavailable", dependencies }, isReady ? 200 : 503)
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

async function newestChange(db: Database): Promise<number> {
  const [row] = await db.read(FRESHNESS_QUERY)
  const freshness = String(row?.freshness)
  db.sawFreshness(freshness)
  return Number(freshness.split(".")[1])
}

/** @returns Undefined when it fails, or hangs. */
async function probe<T>(check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await inTime(check(), LONGEST_PROBE_MS, () =>
      Promise.reject(new Error(`no answer after ${LONGEST_PROBE_MS} ms`)),
    )
  } catch (error) {
    console.error(JSON.stringify({ level: "error", event: "dependency_unavailable", detail: String(error) }))
    return undefined
  }
}

function stateOf(answer: unknown): { status: "ok" | "unavailable" } {
  return { status: answer === undefined ? "unavailable" : "ok" }
}

function feedState(sinks: readonly SinkStatus[] | undefined, newest: number | undefined) {
  if (!sinks) return stateOf(sinks)
  const isFailing = sinks.some(({ failures }) => failures >= FAILING_AFTER)
  return {
    status: isFailing ? ("failing" as const) : ("ok" as const),
    sinks: sinks.map(({ name, seq, failures }) => ({
      name,
      lag: newest === undefined ? null : Math.max(0, newest - seq),
      failures,
    })),
  }
}
