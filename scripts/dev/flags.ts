/** The command line of `npm run dev`: two flags of its own, and the rest for `wrangler dev`. */

import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { PROJECT_ROOT } from "../local-env.ts"

const DEFAULT_PORT = 8787
const HIGHEST_PORT = 65_535
export const DEFAULT_STATE = join(PROJECT_ROOT, ".wrangler/state")
const OWN = new Set(["port", "persist-to", "help"])

export const USAGE = `npm run dev -- [--port N] [--persist-to DIR] [flags of wrangler dev]

Serves the application on this machine: creates .dev.vars, applies the migrations to the local database,
puts the films into an empty one, and starts the server. Started again, it keeps its data.

  --port N          default: ${DEFAULT_PORT}
  --persist-to DIR  where the local database lies (default: .wrangler/state)
  --help            this text`

export interface DevFlags {
  port: number
  /** Absolute. */
  persistTo: string
  help: boolean
  /** As they came, for wrangler. */
  others: string[]
}

/** Ends the process with a message when a flag has no good value. */
export function parseDevFlags(args: string[]): DevFlags {
  const options = { port: { type: "string" }, "persist-to": { type: "string" }, help: { type: "boolean" } } as const
  const { values, tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true })
  const own = new Set<number>()
  for (const token of tokens) {
    if (token.kind !== "option" || !OWN.has(token.name)) continue
    own.add(token.index)
    if (token.value !== undefined && !token.inlineValue) own.add(token.index + 1)
  }
  return {
    port: portOf(values.port),
    persistTo: folderOf(values["persist-to"]),
    help: values.help === true,
    others: args.filter((_, index) => !own.has(index)),
  }
}

function portOf(value: string | boolean | undefined): number {
  if (value === undefined) return DEFAULT_PORT
  const port = Number(value)
  if (value === "" || value === true || !Number.isInteger(port) || port < 0 || port > HIGHEST_PORT)
    return refuse(`--port must be a number up to ${HIGHEST_PORT}`)
  return port
}

function folderOf(value: string | boolean | undefined): string {
  if (value === undefined) return DEFAULT_STATE
  return typeof value === "string" && value !== "" ? resolve(value) : refuse("--persist-to must name a folder")
}

function refuse(message: string): never {
  console.error(`${message}\n\n${USAGE}`)
  process.exit(1)
}
