/** The guide to the client, made real: its program in Chromium, on a site of another origin, and in Node. */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Browser, hasBrowser, launchBrowser } from "./browser-fixture.ts"
import { Printer, programOf, SITE, serveFiles } from "./client-guide-fixture.ts"
import { type DevServer, startDev } from "./dev-fixture.ts"
import { readGuide } from "./jobs-guide-fixture.ts"

/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".client-guide-tmp")
const PROGRAM_MS = 60_000

const blocks = await readGuide("client.md")

let state: string
let shop: DevServer
let api: string

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-client-guide-"))
  shop = await startDev("--persist-to", state)
  api = `http://localhost:${shop.port}`
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER)
})

afterAll(async () => {
  await shop?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

test(
  "its program prints in Node what the guide shows",
  async () => {
    const { code, shown } = programOf(blocks, "selvedge/client", api)
    const printer = new Printer(shown)
    Object.assign(globalThis, { print: printer.print, shown: printer.shown })
    await writeFile(join(FOLDER, "program.js"), code)
    await import(join(FOLDER, "program.js"))
    expect(printer.passed).toBe(shown.length)
  },
  PROGRAM_MS,
)

describe.skipIf(!hasBrowser)("on a site of another origin", () => {
  let site: Server
  let browser: Browser
  let page: Page
  const files = new Map<string, string>()

  beforeAll(async () => {
    site = await serveFiles(files)
    const { port } = site.address() as AddressInfo
    browser = await launchBrowser(`--host-resolver-rules=MAP localhost:8788 127.0.0.1:${port}`)
    page = await browser.context.newPage()
  })

  afterAll(async () => {
    await browser?.close()
    site?.close()
  })

  test(
    "its program prints in Chromium what the guide shows",
    async () => {
      const { code, shown } = programOf(blocks, `${api}/selvedge.js`, api)
      const printer = new Printer(shown)
      files.set("program.js", code)
      await page.exposeFunction("print", printer.print)
      await page.exposeFunction("shown", printer.shown)
      await page.goto(SITE)
      await page.evaluate('import("/program.js").then(() => undefined)')
      expect(printer.passed).toBe(shown.length)
    },
    PROGRAM_MS,
  )
})
