/** `npm run site`: the shop's pages as a static host would serve them, with the API at another origin. */

import { parseArgs } from "node:util"
import { isFree } from "./dev/server.ts"
import { startSite } from "./site/server.ts"

const DEFAULT_PORT = 8788
const DEFAULT_API = "http://localhost:8787"
const HIGHEST_PORT = 65_535

const USAGE = `npm run site -- [--port N] [--api ORIGIN]

Serves the files in public/ as a static host would; they ask the API at its own origin (npm run dev).

  --port N      default: ${DEFAULT_PORT}; another origin than that must be listed in app/backend.ts
  --api ORIGIN  default: ${DEFAULT_API}`

try {
  await run(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof TypeError)) throw error
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 1
}

async function run(args: string[]): Promise<void> {
  const options = { port: { type: "string" }, api: { type: "string" }, help: { type: "boolean" } } as const
  const { values } = parseArgs({ args, options })
  if (values.help) return console.log(USAGE)
  const port = portOf(values.port ?? String(DEFAULT_PORT))
  const api = originOf(values.api ?? DEFAULT_API)
  if (!(await isFree(port))) throw new TypeError(`Port ${port} is in use.`)
  await startSite({ port, api })
  console.log(`
  The site   http://localhost:${port}
  The API    ${api}
  Stop       Ctrl-C
`)
}

function portOf(text: string): number {
  const port = Number(text)
  if (text === "" || !Number.isInteger(port) || port < 0 || port > HIGHEST_PORT)
    throw new TypeError(`--port must be a number up to ${HIGHEST_PORT}`)
  return port
}

function originOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw new TypeError(`--api must be an origin such as ${DEFAULT_API}`)
  return new URL(text).origin
}
