/** The shop with a provider, its mails, and a site of another origin whose pages are signed in by the client. */

import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { build } from "esbuild"
import { vi } from "vitest"
import { ensureDevVars, openLocal, PROJECT_ROOT, whileBusy } from "../../scripts/local-env.ts"
import { createTokens } from "../../src/auth/tokens.ts"
import { freePort, startDevAt } from "../node/dev-fixture.ts"
import { startUpstream, type Upstream } from "../node/providers-fixture.ts"

/** Listed in the shop's origins. */
export const SITE = "http://localhost:8788"
export const PASSWORD = "a long enough passphrase"

const CLIENT = { clientId: "shop", clientSecret: "s".repeat(32) }
const ACCESS_S = 600

export interface Shop {
  readonly api: string
  /** The provider that is named `oidc`. */
  readonly people: Upstream
  /** @returns The link or the code of the newest mail, as soon as there is one. */
  mailTo(address: string, purpose: string): Promise<string>
  /** What the server prints. */
  output(): string
  /** A token of this user that was good until a moment ago. */
  expiredToken(userId: string): Promise<string>
  stop(): Promise<void>
}

export async function startShop(): Promise<Shop> {
  const state = await mkdtemp(join(tmpdir(), "selvedge-client-auth-"))
  const port = await freePort()
  const api = `http://localhost:${port}`
  const people = await startUpstream({ ...CLIENT, redirectUri: `${api}/v1/auth/oauth/oidc/callback` })
  const variables = { ISSUER: people.issuer, CLIENT_ID: CLIENT.clientId, CLIENT_SECRET: CLIENT.clientSecret }
  const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `OIDC_${name}:${value}`])
  const server = await startDevAt(port, "--persist-to", state, ...flags)
  return {
    api,
    people,
    output: server.output,
    mailTo: (address, purpose) => mailTo(server.output, address, purpose),
    expiredToken: (userId) => expiredToken(state, userId),
    async stop() {
      await server.stop()
      await people.close()
      await rm(state, { recursive: true, force: true })
    },
  }
}

async function mailTo(output: () => string, address: string, purpose: string): Promise<string> {
  const find = () =>
    output()
      .split("\n")
      .filter((line) => line.startsWith('{"level":"info","event":"mail"'))
      .map((line) => JSON.parse(line) as { to: string; purpose: string; link: string })
      .findLast((mail) => mail.to === address && mail.purpose === purpose)
  return (await vi.waitUntil(find, { timeout: 10_000 })).link
}

async function expiredToken(persistTo: string, subject: string): Promise<string> {
  const { db, dispose } = await openLocal({ persistTo })
  const now = () => Date.now() - 2 * ACCESS_S * 1_000
  try {
    const tokens = createTokens({ db, secret: await ensureDevVars(PROJECT_ROOT), now })
    return await whileBusy(() => tokens.sign({ subject, roles: [], lifetimeSeconds: ACCESS_S }))
  } finally {
    await dispose()
  }
}

export interface Site {
  readonly port: number
  close(): void
}

/** Every path is a page, with a client that keeps its token as the path says. */
export async function serveClient(api: string): Promise<Site> {
  const scripts = await bundle()
  const server = createServer((request, response) => {
    const script = scripts.get(basename(new URL(request.url!, SITE).pathname))
    response.setHeader("Content-Type", script ? "text/javascript" : "text/html")
    response.end(script ?? pageOf(api))
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}

async function bundle(): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: [join(PROJECT_ROOT, "src/client.ts")],
    bundle: true,
    splitting: true,
    format: "esm",
    outdir: "out",
    write: false,
    logLevel: "silent",
  })
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]))
}

function pageOf(api: string): string {
  return `<!doctype html><title>A site</title><link rel="icon" href="data:,">
<script type="module">
import { createClient } from "/client.js"
const storage = ["session", "memory", "cookie"].find((name) => location.pathname.startsWith("/" + name))
globalThis.client = createClient("${api}", { storage })
globalThis.auth = client.auth
globalThis.first = auth.user?.email ?? null
globalThis.heard = []
auth.onAuthChange((user) => heard.push(user?.email ?? user))
globalThis.returned = auth.completeRedirect()
returned.catch(() => undefined)
globalThis.ready = true
</script>`
}
