/** The shop as a server, with sites on other ports, and pages that use the browser's side of passkeys. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import type { Server } from "node:http"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { build } from "esbuild"
import { createTestHarness } from "wrangler"
import { close, listen } from "./providers-fixture.ts"

const ROOT = resolve(import.meta.dirname, "../..")
const PAGE = '<!doctype html><title>A site</title><script src="/passkeys.js"></script>'

/** What a page can do, as `passkeys`; each gives what `/v1/auth` answered. */
const SCRIPT = `
import { startAuthentication, startRegistration } from "@simplewebauthn/browser"

async function call(api, path, body, token) {
  const response = await fetch(api + "/v1/auth/" + path, {
    method: "POST",
    headers: { ...(body && { "Content-Type": "application/json" }), ...(token && { Authorization: "Bearer " + token }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) }
}

globalThis.passkeys = {
  call,
  async register(api, token, name) {
    const { body: optionsJSON } = await call(api, "passkeys/register/options", undefined, token)
    const response = await startRegistration({ optionsJSON })
    return call(api, "passkeys/register", { response, name }, token)
  },
  async signIn(api) {
    const { body: optionsJSON } = await call(api, "passkeys/sign-in/options")
    return call(api, "passkeys/sign-in", { response: await startAuthentication({ optionsJSON }) })
  },
  assert: (optionsJSON) => startAuthentication({ optionsJSON }),
}
`

export interface Sites {
  /** The API's own origin. */
  readonly api: string
  /** A site that the backend lists. */
  readonly listed: string
  /** A site that it doesn't. */
  readonly unlisted: string
  /** For pages that don't load it themselves. */
  readonly script: string
  close(): Promise<void>
}

export async function startSites(): Promise<Sites> {
  const script = await bundle()
  const [listed, unlisted] = [await startSite(script), await startSite(script)]
  const folder = await mkdtemp(join(tmpdir(), "selvedge-passkeys-"))
  const server = createTestHarness({
    root: folder,
    workers: [
      {
        configPath: await writeWorker(folder, listed.origin),
        secrets: { SELVEDGE_SECRET: "a secret for tests, with more than 32 characters" },
      },
    ],
  })
  const { url } = await server.listen()
  await server.getWorker().applyD1Migrations("DB")
  return {
    api: `http://localhost:${url.port}`,
    listed: listed.origin,
    unlisted: unlisted.origin,
    script,
    async close() {
      await server.close()
      await Promise.all([close(listed.server), close(unlisted.server)])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: SCRIPT, resolveDir: ROOT },
    bundle: true,
    format: "iife",
    write: false,
  })
  return outputFiles[0]!.text
}

/** By name: passkeys know no addresses in numbers. */
async function startSite(script: string): Promise<{ server: Server; origin: string }> {
  const { server, origin } = await listen((request, response) => {
    const isScript = request.url === "/passkeys.js"
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html")
    response.end(isScript ? script : PAGE)
  })
  return { server, origin: origin.replace("127.0.0.1", "localhost") }
}

/** The shop, but for the sites that it lists. @returns Its configuration. */
export async function writeWorker(folder: string, ...origins: readonly string[]): Promise<string> {
  const path = (name: string) => JSON.stringify(join(ROOT, name))
  const backend = `
import { backend as shop } from ${path("app/backend.ts")}
export const backend = { ...shop, origins: ${JSON.stringify(origins)} }
`
  const worker = (await readFile(join(ROOT, "app/worker.ts"), "utf8")).replaceAll(
    '"selvedge/worker"',
    path("src/worker.ts"),
  )
  const config = (await readFile(join(ROOT, "wrangler.toml"), "utf8"))
    .replace('"app/worker.ts"', '"worker.ts"')
    .replace('"migrations"', path("migrations"))
    .replaceAll(/"\.\/([^"]+)"/g, (_, name: string) => path(name))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, "backend.ts"), backend)
  await writeFile(join(folder, "worker.ts"), worker)
  await writeFile(join(folder, "wrangler.toml"), config)
  return join(folder, "wrangler.toml")
}
