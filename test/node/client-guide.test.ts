/** The guide to the client, made real: its program in Node and in Chromium, its pages on a site of another origin. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { generateSync } from "otplib"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { type Browser, hasBrowser, launchBrowser } from "./browser-fixture.ts"
import { bundle, Printer, programOf, SITE, serveFiles, writeFiles } from "./client-guide-fixture.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { readGuide } from "./jobs-guide-fixture.ts"
import { startUpstream, type Upstream } from "./providers-fixture.ts"

const FOLDER = join(import.meta.dirname, ".client-guide-tmp")
const PROGRAM_MS = 60_000
const PASSWORD = "a long enough passphrase"
const BACK = '<!doctype html><script type="module" src="/back.js"></script>'
const BACK_SCRIPT = 'import { comeBack } from "/site/sign-in.js"; globalThis.returned = comeBack()'

const blocks = await readGuide("client.md")

let state: string
let shop: DevServer
let api: string
let provider: Upstream

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-client-guide-"))
  const port = await freePort()
  api = `http://localhost:${port}`
  const redirectUri = `${api}/v1/auth/oauth/oidc/callback`
  provider = await startUpstream({ clientId: "shop", clientSecret: "s".repeat(32), redirectUri })
  const variables = { ISSUER: provider.issuer, CLIENT_ID: "shop", CLIENT_SECRET: "s".repeat(32) }
  const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `OIDC_${name}:${value}`])
  shop = await startDevAt(port, "--persist-to", state, ...flags)
  await writeFiles(FOLDER, blocks, api)
})

afterAll(async () => {
  await shop?.stop()
  await provider?.close()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

test("its TypeScript compiles, and what it says doesn't compile does not", () => {
  expect(compile(FOLDER)).toBe("")
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
    files.set("site/sign-in.js", await readFile(join(FOLDER, "site/sign-in.js"), "utf8"))
    files.set("back", BACK)
    files.set("back.js", BACK_SCRIPT)
    site = await serveFiles(files)
    const { port } = site.address() as AddressInfo
    browser = await launchBrowser(`--host-resolver-rules=MAP localhost:8788 127.0.0.1:${port}`)
  })

  beforeEach(async () => {
    await page?.close()
    page = await browser.context.newPage()
    await page.goto(SITE)
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
      await page.evaluate('import("/program.js").then(() => undefined)')
      expect(printer.passed).toBe(shown.length)
    },
    PROGRAM_MS,
  )

  test("somebody signs up, with a second factor in, and is still signed in after a reload", async () => {
    await run(`auth.signOut()`)
    const account = { email: "ada@example.com", password: PASSWORD, name: "Ada" }
    expect(await run(`auth.signUp(${JSON.stringify(account)})`)).toMatchObject({ user: { name: "Ada" } })
    const { secret } = (await run("auth.totp.start()")) as { secret: string }
    expect(await run(`auth.totp.activate("${generateSync({ secret })}")`)).toHaveLength(10)
    await run("auth.signOut()")
    await expect.poll(() => page.title()).toBe("The shop")
    const next = generateSync({ secret, epoch: Math.floor(Date.now() / 1_000) + 30 })
    expect(await run(`signIn("ada@example.com", "${PASSWORD}", async () => "${next}")`)).toMatchObject({ name: "Ada" })
    await page.reload()
    expect(await run("auth.user")).toMatchObject({ name: "Ada" })
    await expect.poll(() => page.title()).toBe("The shop: Ada")
  })

  test("a code and a link by mail sign in, the link on the page that it leads back to", async () => {
    await run("auth.signOut()")
    await run('auth.sendCode("cy@example.com")')
    const code = await mailTo("cy@example.com", "sign-in-code")
    expect(await run(`auth.signInWithCode({ email: "cy@example.com", code: "${code}" })`)).toMatchObject({
      user: { email: "cy@example.com" },
    })
    await run("auth.signOut()")
    await run('auth.sendLink("cy@example.com", { redirectTo: "/back" })')
    await page.goto(await mailTo("cy@example.com", "sign-in-link"))
    await page.getByRole("button").click()
    await page.waitForURL(`${SITE}/back**`)
    expect(await page.evaluate("returned")).toMatchObject({ user: { email: "cy@example.com" } })
    expect(page.url()).toBe(`${SITE}/back`)
  })

  test("a provider signs in by a window, and by leaving the page", async () => {
    await run("auth.signOut()")
    expect(await run("auth.providers()")).toMatchObject([{ name: "oidc" }])
    const opened = browser.context.waitForEvent("page")
    const signedIn = run('signInByWindow("oidc")')
    const popup = await opened
    await passProvider(popup, "eve")
    expect(await signedIn).toMatchObject({ user: { email: "eve@people.example" } })
    await expect.poll(() => popup.isClosed()).toBe(true)

    await run("auth.signOut()")
    await browser.context.clearCookies({ domain: "127.0.0.1" })
    await run('auth.signInWithRedirect("oidc", { redirectTo: "/back" })')
    await passProvider(page, "lovelace")
    await page.waitForURL(`${SITE}/back**`)
    expect(await page.evaluate("returned")).toMatchObject({ user: { email: "lovelace@people.example" } })
  })

  test("its React page shows a list and a room, and what is written", async () => {
    files.set("react.js", await bundle(join(FOLDER, "site/react.ts")))
    await page.evaluate('import("/react.js").then(() => undefined)')
    await page.getByRole("heading", { name: "The Godfather by Francis Ford Coppola" }).waitFor()
    await page.evaluate(
      `client.auth.signUp({ email: "re@example.com", password: "${PASSWORD}" }).then(() => undefined)`,
    )
    await page.getByRole("button", { name: "Five stars" }).click()
    await page.getByRole("listitem").filter({ hasText: "★★★★★" }).waitFor()
    await page.getByRole("button", { name: "Five stars" }).click()
    await page.getByRole("alert").filter({ hasText: "Another record" }).waitFor()
    await page.getByText("1 here, online, 0 waiting").waitFor()
    await page.getByRole("button", { name: "Say hello" }).click()
    await page.getByText("Hello", { exact: true }).waitFor()
  })

  /** The value of an expression over the exports of the guide's `site/sign-in.js`. */
  function run(expression: string): Promise<unknown> {
    return page.evaluate(`import("/site/sign-in.js").then((guide) => { with (guide) { return ${expression} } })`)
  }

  /** The link or the code, which the shop prints. */
  async function mailTo(to: string, purpose: string): Promise<string> {
    return vi.waitUntil(
      () => {
        const lines = shop.output().split("\n")
        const mails = lines.filter((line) => line.startsWith('{"level":"info","event":"mail"'))
        const sent = mails.map((line) => JSON.parse(line) as { to: string; purpose: string; link: string })
        return sent.findLast((mail) => mail.to === to && mail.purpose === purpose)?.link
      },
      { timeout: 10_000 },
    )
  }

  /** What a person does at the provider. */
  async function passProvider(where: Page, login: string): Promise<void> {
    await where.waitForURL(`${provider.issuer}/**`, { waitUntil: "domcontentloaded" })
    await where.locator("input[name=login]").fill(login)
    await where.locator("input[name=password]").fill("any")
    await where.locator("button[type=submit]").click()
    await where.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" })
    await where.locator("button[type=submit]").click()
  }
})
