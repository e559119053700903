/**
 * The serving process of the kill test: Miniflare and its workerd over a state folder, and over a bundle that was made
 * before. It tells its parent where it listens, and runs statements for it.
 */

import { appendFileSync } from "node:fs"
import { join } from "node:path"
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare"
import { readModules } from "../../../scripts/bundle.ts"

export interface StatementsOrder {
  readonly id: number
  readonly statements: readonly string[]
}

/** What the parent hears. */
export type ServerMessage =
  | { readonly url: string }
  | { readonly id: number; readonly rows: Record<string, unknown>[][] }
  | { readonly id: number; readonly error: string }

export interface ServerOptions {
  /** Folder of the bundle. */
  readonly bundle: string
  /** Folder of the data. */
  readonly state: string
  /** Where jobs call. */
  readonly receiver: string
  readonly compatibilityDate: string
  readonly compatibilityFlags: string[]
}

const options = JSON.parse(process.argv[2]!) as ServerOptions
const { bundle, state, receiver, compatibilityDate, compatibilityFlags } = options
const consumer = { maxBatchSize: 50, maxBatchTimeout: 0, maxRetries: 10, retryDelay: 5, deadLetterQueue: "jobs-dead" }

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    log: new Log(LogLevel.ERROR),
    logRequests: false,
    cf: false,
    telemetry: { enabled: false },
    handleStructuredLogs: ({ message }) => appendFileSync(join(state, "log.jsonl"), `${message}\n`),
    resourcePersistencePath: state,
    workers: [
      {
        name: "crash",
        modules: await readModules(bundle),
        compatibilityDate,
        compatibilityFlags,
        bindings: { SELVEDGE_SECRET: "a secret for the kill test, with more than 32 characters", RECEIVER: receiver },
        d1Databases: { DB: "crash" },
        kvNamespaces: { CACHE: "crash" },
        durableObjects: {
          LIMITER: { className: "Limiter", useSQLite: true },
          FEED: { className: "Feed", useSQLite: true },
          CLOCK: { className: "Clock", useSQLite: true },
          HUB: { className: "Hub", useSQLite: true },
          TOPIC: { className: "Topic", useSQLite: true },
        },
        queueProducers: { JOBS: "jobs", JOBS_DEAD: "jobs-dead" },
        queueConsumers: { jobs: consumer, "jobs-dead": { maxBatchTimeout: 1 } },
      },
    ],
  }),
)
const { href: url } = await miniflare.ready
const db = await miniflare.getD1Database("DB")

process.on("message", (order: StatementsOrder) => void run(order).then(answer))
process.on("disconnect", () => void miniflare.dispose().finally(() => process.exit()))
answer({ url })

async function run({ id, statements }: StatementsOrder): Promise<ServerMessage> {
  try {
    const results = await db.batch<Record<string, unknown>>(statements.map((statement) => db.prepare(statement)))
    return { id, rows: results.map(({ results }) => results) }
  } catch (error) {
    return { id, error: String(error) }
  }
}

function answer(message: ServerMessage): void {
  process.send?.(message)
}
