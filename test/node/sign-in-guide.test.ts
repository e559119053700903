/** The guide to sign-in, made real: its app/auth.ts signs people in from a site of another origin, by its JavaScript. */

import { execFile } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { generateSync } from "otplib"
import { type BrowserContext, chromium, type Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type DevServer, startDev } from "./dev-fixture.ts"

const GUIDE = await readFile(join(PROJECT_ROOT, "docs/guides/sign-in.md"), "utf8")
/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".sign-in-guide-tmp")
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium"
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]
/** Listed in the shop's origins. */
const SITE = "http://localhost:8788"
const PASSWORD = "a long enough passphrase"
const REQUEST = /^curl .*? +# (\d{3})$/

const blocks = [...GUIDE.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}))
const textOf = (language: string) => blocks.filter((block) => block.language === language).map(({ text }) => text)

describe.skipIf(!existsSync(CHROMIUM))("a site of another origin", () => {
  let state: string
  let shop: DevServer
  let site: Server
  let browser: BrowserContext
  let page: Page
  /** The ids of two of the shop's films. */
  let films: string[]

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "selvedge-sign-in-guide-"))
    shop = await startDev("--persist-to", join(state, "shop"), await writeShop())
    site = await serveSite(shop.port)
    const listed = await fetch(`http://localhost:${shop.port}/v1/films?limit=2&fields=id`)
    films = ((await listed.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
    const { port } = site.address() as AddressInfo
    browser = await chromium.launchPersistentContext(join(state, "profile"), {
      executablePath: CHROMIUM,
      headless: true,
      args: [...FLAGS, `--host-resolver-rules=MAP localhost:8788 127.0.0.1:${port}`],
    })
    page = await browser.newPage()
    await page.goto(SITE)
  })

  afterAll(async () => {
    await browser?.close()
    site?.close()
    await shop?.stop()
    await rm(FOLDER, { recursive: true, force: true })
    if (state) await rm(state, { recursive: true, force: true })
  })

  test("signs up, and is still signed in when the page is loaded again", async () => {
    const signedUp = await run(`signUp("ada@example.com", "${PASSWORD}", "Ada")`)
    expect(signedUp).toMatchObject({ user: { email: "ada@example.com", isAnonymous: false }, expiresIn: 600 })
    await page.reload()
    expect(await run("me()")).toMatchObject({ email: "ada@example.com", name: "Ada" })
  })

  test("31: refreshes once for many calls, in two tabs at once as well", async () => {
    const other = await browser.newPage()
    await other.goto(SITE)
    await page.reload()
    const refreshes: string[] = []
    browser.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/auth/refresh")) refreshes.push(request.url())
    })
    const answers = await Promise.all([page, other].map((tab) => run("Promise.all([me(), me(), me()])", tab)))
    expect(answers.flat()).toEqual(Array(6).fill(expect.objectContaining({ name: "Ada" })))
    expect(refreshes).toHaveLength(2)
    await other.close()
  })

  test("31: an answer of refresh that was lost signs nobody out", async () => {
    await page.reload()
    await page.route("**/auth/refresh", async (route) => {
      if (route.request().method() === "POST") await route.fetch()
      await route.abort()
    })
    expect(await run("me()")).not.toHaveProperty("name", "Ada")
    await page.unroute("**/auth/refresh")
    expect(await run("me()")).toMatchObject({ name: "Ada" })
  })

  test("a visitor's cart goes along into an account, a new one or one that is there", async () => {
    expect(await run("signOut()")).toBeUndefined()
    const visitor = (await run("visit()")) as { user: { id: string } }
    await run(putIntoCart(0))
    const bea = await run(`signUp("bea@example.com", "${PASSWORD}")`)
    expect(bea).toMatchObject({ user: { id: visitor.user.id, isAnonymous: false } })
    expect(await cartOf()).toEqual([films[0]])

    await run("signOut()")
    await run("visit()")
    await run(putIntoCart(1))
    expect(await run(`signIn("bea@example.com", "${PASSWORD}")`)).toMatchObject({ user: { id: visitor.user.id } })
    expect(await cartOf()).toEqual([films[1]])
  })

  test("a wrong password and a name are refused as the guide says", async () => {
    expect(await run('signIn("bea@example.com", "another passphrase")')).toMatchObject({ status: 401 })
    expect(await run(`signUp("bea@example.com", "${PASSWORD}")`)).toMatchObject({ status: 409 })
    const refused = await run('signUp("cora@example.com", "cora@example.com")')
    expect(refused).toMatchObject({ status: 422, errors: [{ pointer: "/password", code: "contains_name" }] })
  })

  test("lists sessions and ends another one", async () => {
    const listed = (await run("sessions()")) as { data: { id: string; current: boolean }[] }
    expect(listed.data.map(({ current }) => current)).toEqual([true])
    expect(await run(`signInWithCookie("bea@example.com", "${PASSWORD}")`)).toMatchObject({ expiresIn: 600 })
    const { data: both } = (await run("sessions()")) as typeof listed
    const other = both.find(({ current }) => !current)!
    expect(await run(`endSession("${other.id}")`)).toBeUndefined()
    expect(await run("endOtherSessions()")).toBeUndefined()
    expect(await run("sessions()")).toMatchObject({ data: [{ current: true }] })
  })

  test("36: keeps the refresh token in a cookie, where no script can read it", async () => {
    expect(await run(`signInWithCookie("bea@example.com", "${PASSWORD}")`)).not.toHaveProperty("refreshToken")
    expect(await page.evaluate("document.cookie")).toBe("")
    await page.reload()
    const refreshed = await run("refreshByCookie()")
    expect(refreshed).toMatchObject({ user: { email: "bea@example.com" }, expiresIn: 600 })
    expect(refreshed).not.toHaveProperty("refreshToken")
    expect(await run("signOutByCookie()")).toBeUndefined()
    expect(await run("refreshByCookie()")).toMatchObject({ status: 401 })
  })

  test("adds a passkey, and signs in with nothing else", async () => {
    const devtools = await browser.newCDPSession(page)
    await devtools.send("WebAuthn.enable")
    await devtools.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
      },
    })
    const added = (await run('addPasskey("Laptop")')) as { id: string }
    expect(added).toMatchObject({ name: "Laptop" })
    expect(await run(`renamePasskey("${added.id}", "Desk")`)).toMatchObject({ name: "Desk" })
    await run("signOut()")
    expect(await run("signInWithPasskey()")).toMatchObject({ user: { email: "bea@example.com" } })
    expect(await run("passkeys()")).toMatchObject({ data: [{ id: added.id, name: "Desk" }] })
    expect(await run(`removePasskey("${added.id}")`)).toBeUndefined()
  })

  test("turns a second factor on, is asked for it, and turns it off", async () => {
    const { secret } = (await run("startAuthenticator()")) as { secret: string }
    const { recoveryCodes } = (await run(`activateAuthenticator("${generateSync({ secret })}")`)) as {
      recoveryCodes: string[]
    }
    expect(recoveryCodes).toHaveLength(10)
    await run("signOut()")
    const { mfa } = (await run(`signIn("bea@example.com", "${PASSWORD}")`)) as { mfa: { ticket: string } }
    expect(await run("me()")).toMatchObject({ status: 401 })
    expect(await run(`secondFactor("${mfa.ticket}", "recovery", "${recoveryCodes[0]}")`)).toMatchObject({
      user: { mfa: true },
    })
    expect(await run("newRecoveryCodes()")).toMatchObject({ recoveryCodes: Array(10).fill(expect.any(String)) })
    expect(await run("removeAuthenticator()")).toBeUndefined()
    expect(await run("me()")).toMatchObject({ mfa: false })
  })

  test("makes a key, and its requests are answered as the guide says", async () => {
    const made = (await run('makeKey("backup", ["cart:read"])')) as { id: string; key: string }
    expect(made.key).toMatch(/^slv_api_/)
    const answered = await runShell(made.key)
    expect(answered.length).toBeGreaterThan(3)
    expect(answered.filter(({ wanted, status }) => wanted !== status)).toEqual([])
    expect(await run("keys()")).toMatchObject({ data: [{ id: made.id, name: "backup" }] })
    expect(await run(`revokeKey("${made.id}")`)).toBeUndefined()
  })

  test("renames and deletes the account", async () => {
    expect(await run('rename("Bea")')).toMatchObject({ name: "Bea" })
    expect(await run("remove()")).toBeUndefined()
    expect(await run("me()")).toMatchObject({ status: 401 })
    expect(await run(`signIn("bea@example.com", "${PASSWORD}")`)).toMatchObject({ status: 401 })
  })

  /** The value of an expression over the module's exports, in the page; of a refusal the members of its problem. */
  function run(expression: string, tab = page): Promise<unknown> {
    const inPage = `import("/sign-in.js").then((guide) => { with (guide) { return ${expression} } })`
    return tab.evaluate(`${inPage}.catch((error) => ({ message: String(error), ...error }))`)
  }

  function putIntoCart(film: number): string {
    return `call("POST", "/cart", { filmId: "${films[film]}", quantity: 2 })`
  }

  async function cartOf(): Promise<string[]> {
    const { data } = (await run('call("GET", "/cart")')) as { data: { filmId: string }[] }
    return data.map(({ filmId }) => filmId)
  }

  /** The guide's shell blocks as one script, each request with the status that it gets. */
  async function runShell(key: string): Promise<{ command: string; wanted: number; status: number }[]> {
    const lines = textOf("sh")
      .flatMap((text) => text.replace(/\\\n\s*/g, "").split("\n"))
      .filter((line) => !line.includes("--remote"))
    const script = lines.map((line) =>
      REQUEST.test(line)
        ? line.replace("curl ", "curl -s -o /dev/null -w '%{http_code}\\n' ").replace(/ # \d{3}$/, "")
        : line.replace(/^KEY=.*/, `KEY=${key}`),
    )
    const here = script
      .join("\n")
      .replaceAll("localhost:8787", `localhost:${shop.port}`)
      .replaceAll(
        /(npm run) (?:-s )?(token|user) -- (.*?)(?=\)"|$)/gm,
        `$1 -s $2 -- $3 --persist-to ${join(state, "shop")}`,
      )
    const { stdout } = await promisify(execFile)("bash", ["-c", here], { cwd: PROJECT_ROOT })
    expect(stdout).toMatch(/^http:\/\/localhost:\d+\/v1\/auth\/pages\/reset\?token=[\w-]{43}$/m)
    const statuses = stdout.split("\n").flatMap((line) => (/^\d{3}$/.test(line) ? [Number(line)] : []))
    const requests = lines.filter((line) => REQUEST.test(line))
    return requests.map((command, i) => ({ command, wanted: Number(REQUEST.exec(command)![1]), status: statuses[i]! }))
  }
})

test("the sites that it lists are the shop's", async () => {
  const backend = await readFile(join(PROJECT_ROOT, "app/backend.ts"), "utf8")
  const [shown] = textOf("ts").filter((text) => text.startsWith("// app/backend.ts"))
  expect(backend).toContain(shown!.split("\n").slice(1).join("\n"))
})

/** The shop with the `app/auth.ts` of the guide. @returns Its entry. */
async function writeShop(): Promise<string> {
  const [auth] = textOf("ts").filter((text) => text.startsWith("// app/auth.ts"))
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER)
  await cp(join(PROJECT_ROOT, "app"), join(FOLDER, "app"), { recursive: true })
  await writeFile(join(FOLDER, "app/auth.ts"), auth!)
  return join(FOLDER, "app/worker.ts")
}

/** One page that can load the guide's module, and what that imports. */
async function serveSite(shopPort: number): Promise<Server> {
  const library = join(PROJECT_ROOT, "node_modules/@simplewebauthn/browser/esm")
  const imports = { "@simplewebauthn/browser": "/library/index.js" }
  const html = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`
  const code = textOf("js").join("\n\n").replaceAll("localhost:8787", `localhost:${shopPort}`)
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, SITE).pathname
    const isScript = path.endsWith(".js")
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html")
    if (path.startsWith("/library/")) response.end(await readFile(join(library, path.slice("/library/".length))))
    else response.end(isScript ? code : html)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return server
}
