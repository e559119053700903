/** The guide to sign-in, made real: its app/auth.ts signs people in from a site of another origin, by its JavaScript. */

import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { generateSync } from "otplib"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type Browser, hasBrowser, launchBrowser } from "./browser-fixture.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { startUpstream, type Upstream } from "./providers-fixture.ts"
import { FOLDER, SITE, serveSite, textOf, writeShop } from "./sign-in-guide-fixture.ts"

const PASSWORD = "a long enough passphrase"
const REQUEST = /^curl .*? +# (\d{3})$/

interface MailLine {
  level: "info"
  event: "mail"
  to: string
  purpose: string
  subject: string
  /** The link, or the code. */
  link: string
}

describe.skipIf(!hasBrowser)("a site of another origin", () => {
  let state: string
  let shop: DevServer
  /** The provider that the guide calls `company`. */
  let company: Upstream
  let site: Server
  let browser: Browser
  let page: Page
  /** The ids of two of the shop's films. */
  let films: string[]

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "selvedge-sign-in-guide-"))
    const port = await freePort()
    const redirectUri = `http://localhost:${port}/v1/auth/oauth/company/callback`
    company = await startUpstream({ clientId: "shop", clientSecret: "s".repeat(32), redirectUri })
    const variables = { ISSUER: company.issuer, CLIENT_ID: "shop", CLIENT_SECRET: "s".repeat(32) }
    const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `COMPANY_${name}:${value}`])
    shop = await startDevAt(port, "--persist-to", join(state, "shop"), await writeShop(), ...flags)
    site = await serveSite(shop.port)
    const listed = await fetch(`http://localhost:${shop.port}/v1/films?limit=2&fields=id`)
    films = ((await listed.json()) as { data: { id: string }[] }).data.map(({ id }) => id)
    const { port: sitePort } = site.address() as AddressInfo
    browser = await launchBrowser(`--host-resolver-rules=MAP localhost:8788 127.0.0.1:${sitePort}`)
    page = await browser.context.newPage()
    await page.goto(SITE)
  })

  afterAll(async () => {
    await browser?.close()
    site?.close()
    await shop?.stop()
    await company?.close()
    await rm(FOLDER, { recursive: true, force: true })
    if (state) await rm(state, { recursive: true, force: true })
  })

  test("signs up, and is still signed in when the page is loaded again", async () => {
    const signedUp = await run(`signUp("ada@example.com", "${PASSWORD}", "Ada")`)
    expect(signedUp).toMatchObject({ user: { email: "ada@example.com", isAnonymous: false }, expiresIn: 600 })
    await page.reload()
    expect(await run("me()")).toMatchObject({ email: "ada@example.com", name: "Ada" })
  })

  test("14: confirms its address by the button behind the link, and not by the link alone", async () => {
    const { link, ...line } = await mailTo("ada@example.com", "verify-email")
    const [shown] = textOf("json").map((text) => JSON.parse(text) as MailLine)
    expect(line).toEqual({ ...shown, link: undefined })
    expect(link.replace(/=[\w-]{43}$/, "=…")).toBe(shown!.link.replace(":8787", `:${shop.port}`))
    expect((await fetch(link)).status).toBe(200)
    expect(await run("me()")).toMatchObject({ emailVerified: false })
    await page.goto(link)
    await page.getByRole("button").click()
    await page.getByText("is the address of your account").waitFor()
    await page.goto(SITE)
    expect(await run("me()")).toMatchObject({ emailVerified: true })
  })

  test("changes its address and its password, and asks for a new one", async () => {
    expect(await run('changeEmail("ada.l@example.com")')).toMatchObject({ user: { email: "ada@example.com" } })
    await mailTo("ada.l@example.com", "change-email")
    const changed = await run(`changePassword("${PASSWORD}", "${PASSWORD} of mine")`)
    expect(changed).toMatchObject({ user: { email: "ada@example.com" } })
    expect(await run('forgotPassword("ada@example.com")')).toBeUndefined()
    const { link } = await mailTo("ada@example.com", "reset-password")
    await page.goto(link)
    await page.getByLabel(/password/i).fill(PASSWORD)
    await page.getByRole("button").click()
    await page.getByText("Your password is set").waitFor()
    await page.goto(SITE)
    expect(await run("me()")).toMatchObject({ status: 401 })
    expect(await run(`signIn("ada@example.com", "${PASSWORD}")`)).toMatchObject({ user: { name: "Ada" } })
    expect(await run("confirmAgain()")).toMatchObject({ status: 409 })
  })

  test("signs in by a code, which makes an account where there is none", async () => {
    await run("signOut()")
    expect(await run('sendCode("cy@example.com")')).toBeUndefined()
    const { link: code } = await mailTo("cy@example.com", "sign-in-code")
    const wrong = code === "000000" ? "000001" : "000000"
    expect(await run(`signInWithCode("cy@example.com", "${wrong}")`)).toMatchObject({ status: 401 })
    expect(await run(`signInWithCode("cy@example.com", "${code}")`)).toMatchObject({
      user: { email: "cy@example.com", emailVerified: true },
    })
  })

  test("signs in by a link, which leads back to the site", async () => {
    await run("signOut()")
    expect(await run('sendLink("cy@example.com")')).toBeUndefined()
    const { link } = await mailTo("cy@example.com", "sign-in-link")
    await page.goto(link)
    await page.getByRole("button").click()
    await page.waitForURL(`${SITE}/back?code=*`)
    expect(await run("comeBack()")).toMatchObject({ user: { email: "cy@example.com" } })
    expect(page.url()).toBe(`${SITE}/back`)
  })

  test("signs in with a provider, and takes it into another account", async () => {
    await run("signOut()")
    expect(await run("providers()")).toEqual({ data: [{ name: "company", issuer: company.issuer }] })
    await passProvider('signInWith("company")', "eve")
    await page.waitForURL(`${SITE}/back?code=*`)
    expect(await run("comeBack()")).toMatchObject({ user: { email: "eve@people.example", emailVerified: true } })

    await run("signOut()")
    await run(`signIn("ada@example.com", "${PASSWORD}")`)
    await browser.context.clearCookies({ domain: "127.0.0.1" })
    await passProvider('link("company")', "lovelace")
    await page.waitForURL(`${SITE}/linked?code=*`)
    expect(await run("comeBackLinked()")).toMatchObject({ provider: "company", email: "lovelace@people.example" })
    expect(await run("identities()")).toMatchObject({ data: [{ provider: "company" }] })
    expect(await run('unlink("company")')).toBeUndefined()
  })

  test("31: refreshes once for many calls, in two tabs at once as well", async () => {
    const other = await browser.context.newPage()
    await other.goto(SITE)
    await page.reload()
    const refreshes: string[] = []
    browser.context.on("request", (request) => {
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
    const devtools = await browser.context.newCDPSession(page)
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

  /** Waits for the line that the shop prints. */
  async function mailTo(to: string, purpose: string): Promise<MailLine> {
    return vi.waitUntil(
      () => {
        const lines = shop
          .output()
          .split("\n")
          .filter((line) => line.startsWith('{"level":"info","event":"mail"'))
        return lines
          .map((line) => JSON.parse(line) as MailLine)
          .findLast((mail) => mail.to === to && mail.purpose === purpose)
      },
      { timeout: 10_000 },
    )
  }

  /** What a person does at the provider that the expression leads to. */
  async function passProvider(expression: string, login: string): Promise<void> {
    await run(expression)
    await page.waitForURL(`${company.issuer}/**`, { waitUntil: "domcontentloaded" })
    await page.locator("input[name=login]").fill(login)
    await page.locator("input[name=password]").fill("any")
    await page.locator("button[type=submit]").click()
    await page.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" })
    await page.locator("button[type=submit]").click()
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

test("its settings compile", async () => {
  await writeShop()
  const faults = compile(FOLDER)
  await rm(FOLDER, { recursive: true })
  expect(faults).toBe("")
})

test("the sites that it lists are the shop's", async () => {
  const backend = await readFile(join(PROJECT_ROOT, "app/backend.ts"), "utf8")
  const [shown] = textOf("ts").filter((text) => text.startsWith("// app/backend.ts"))
  expect(backend).toContain(shown!.split("\n").slice(1).join("\n"))
})
