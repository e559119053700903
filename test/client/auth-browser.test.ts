/** The client's session in the tabs of Chromium, and the ways to sign in that only a browser has. */

import type { Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { type Browser, hasBrowser, launchBrowser } from "../node/browser-fixture.ts"
import { PASSWORD, type Shop, SITE, type Site, serveClient, startShop } from "./auth-fixture.ts"

const TABS = 5

describe.skipIf(!hasBrowser)("in a browser", () => {
  let shop: Shop
  let site: Site
  let browser: Browser
  let page: Page
  let people = 0
  /** Method and path of what the pages have asked the API. */
  let requests: string[]
  /** Keys of requests for another token: those of one key get the same one. */
  const renewals = new Set<string | undefined>()

  beforeAll(async () => {
    shop = await startShop()
    site = await serveClient(shop.api)
    browser = await launchBrowser(`--host-resolver-rules=MAP localhost:8788 127.0.0.1:${site.port}`)
    browser.context.on("request", (request) => {
      const { origin, pathname } = new URL(request.url())
      if (origin !== shop.api) return
      requests.push(`${request.method()} ${pathname}`)
      if (pathname === "/v1/auth/refresh") renewals.add(request.headers()["idempotency-key"])
    })
  })
  afterAll(async () => {
    await browser?.close()
    site?.close()
    await shop?.stop()
  })
  beforeEach(async () => {
    requests = []
    page = await tab()
  })
  afterEach(async () => {
    await run("localStorage.clear()").catch(() => undefined)
    await Promise.all(
      browser.context
        .pages()
        .slice(1)
        .map((open) => open.close()),
    )
    await browser.context.clearCookies()
  })

  async function tab(path = "/"): Promise<Page> {
    const opened = await browser.context.newPage()
    await goto(opened, path)
    return opened
  }

  async function goto(opened: Page, path: string): Promise<void> {
    await opened.goto(SITE + path)
    await ready(opened)
  }

  async function ready(opened: Page): Promise<void> {
    await opened.waitForFunction("globalThis.ready")
  }

  /** The value of an expression in a page; of what it throws the members, and the message as `detail`. */
  function run<V = unknown>(expression: string, opened = page): Promise<V> {
    const caught = "catch(({ code, status, message, name }) => ({ code, status, detail: message, name }))"
    return opened.evaluate(`Promise.resolve().then(async () => (${expression})).${caught}`)
  }

  async function signUp(opened = page): Promise<string> {
    const email = `ada${++people}@example.com`
    expect(await run(`auth.signUp({ email: "${email}", password: "${PASSWORD}" })`, opened)).toMatchObject({
      user: { email },
    })
    return email
  }

  /** What a person does at the provider. */
  async function pass(opened: Page, login: string | undefined): Promise<void> {
    await opened.waitForURL(`${shop.people.issuer}/**`, { waitUntil: "domcontentloaded" })
    if (login === undefined) return opened.locator("a[href$=abort]").click()
    await opened.locator("input[name=login]").fill(login)
    await opened.locator("input[name=password]").fill("any")
    await opened.locator("button[type=submit]").click()
    await opened.locator("input[name=prompt][value=consent]").waitFor({ state: "attached" })
    await opened.locator("button[type=submit]").click()
  }

  /** The page of a link in a mail, and its way back. */
  async function follow(opened: Page, link: string, path: string): Promise<void> {
    await opened.goto(link)
    await opened.getByRole("button").click()
    await opened.waitForURL(SITE + path)
    await ready(opened)
  }

  /** @returns The window, and what becomes of the call that opened it. */
  async function popup(expression: string): Promise<{ opened: Page; outcome: Promise<unknown> }> {
    const opening = page.waitForEvent("popup")
    const outcome = run(expression)
    return { opened: await opening, outcome }
  }

  describe("a session", () => {
    test("is known at once to a page, and renewed once for all tabs", async () => {
      const email = await signUp()
      const tabs = await Promise.all(Array.from({ length: TABS }, () => tab()))
      expect(await Promise.all(tabs.map((opened) => run("first", opened)))).toEqual(Array(TABS).fill(email))
      await Promise.all([page, ...tabs].map((opened) => opened.reload()))
      await Promise.all([page, ...tabs].map(ready))
      renewals.clear()
      const asked = tabs.map((opened) => run<{ email: string }>("auth.refreshUser()", opened))
      expect((await Promise.all(asked)).map((user) => user.email)).toEqual(Array(TABS).fill(email))
      // the browser may show what one tab has stored to another one too late, which then repeats the request
      expect(renewals.size).toBe(1)
    })

    test("ends in all tabs by a sign-out, and by clearing what the browser keeps", async () => {
      const email = await signUp()
      const others = await Promise.all([tab(), tab()])
      await run("auth.signOut()", others[0])
      for (const opened of [page, ...others]) await opened.waitForFunction("auth.user === null")
      expect(await run("heard")).toEqual([null, email, null])
      expect(await run("heard", others[1])).toEqual([email, null])

      await run(`auth.signIn({ email: "${email}", password: "${PASSWORD}" })`)
      await others[1]!.waitForFunction("auth.user !== null")
      await run("localStorage.clear()", others[0])
      for (const opened of [page, others[1]!]) await opened.waitForFunction("auth.user === null")
      expect(await run("heard", others[1])).toEqual([email, null, email, null])
    })

    test("of somebody else reaches the other tabs with its token", async () => {
      await signUp()
      const other = await tab()
      await run("auth.refreshUser()", other)
      const bea = await signUp(other)
      await page.waitForFunction(`auth.user.email === "${bea}"`)
      requests = []
      expect(await run("auth.refreshUser()")).toMatchObject({ email: bea })
      expect(requests).not.toContain("POST /v1/auth/refresh")
    })

    test("of a visitor is one, even when two tabs ask for it at once", async () => {
      const other = await tab()
      const ask = "auth.signInAnonymously().then(({ user }) => user.id)"
      const [one, same] = await Promise.all([page, other].map((opened) => run(ask, opened)))
      expect([same, requests.filter((request) => request.endsWith("/anonymous"))]).toEqual([
        one,
        ["POST /v1/auth/anonymous"],
      ])
    })

    test("in a tab's own storage is that tab's, and goes on in a copy of the tab", async () => {
      await goto(page, "/session")
      const email = await signUp()
      expect(await run("first", await tab("/session"))).toBeNull()
      const opening = page.waitForEvent("popup")
      await run("void open('/session')")
      const copy = await opening
      await ready(copy)
      expect(await run("auth.refreshUser()", copy)).toMatchObject({ email })
      const kept = `sessionStorage["selvedge ${shop.api}"]`
      expect(await run(kept)).toBe(await run(kept, copy))
      await run("auth.signOut()", copy)
      await page.waitForFunction("auth.user === null")
    })

    test("in a cookie is out of the scripts' reach", async () => {
      await goto(page, "/cookie")
      const email = await signUp()
      expect(await run("document.cookie + Object.values(localStorage)")).not.toMatch(/refresh/i)
      await goto(page, "/cookie/again")
      expect(await run("first")).toBe(email)
      expect(await run("auth.refreshUser()")).toMatchObject({ email })
      await run("auth.signOut()")
      expect(await browser.context.cookies(shop.api)).toEqual([])
    })

    test("lives in memory where the browser keeps nothing for the site", async () => {
      const opened = await browser.context.newPage()
      await opened.addInitScript(() => {
        const get = () => {
          throw new DOMException("denied", "SecurityError")
        }
        for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(globalThis, name, { get })
      })
      await goto(opened, "/")
      const email = await signUp(opened)
      expect(await run("auth.refreshUser()", opened)).toMatchObject({ email })
      expect(await run('auth.signInWithRedirect("oidc")', opened)).toMatchObject({ code: "storage_blocked" })
    })

    test("finds its own writes on the next page", async () => {
      await signUp()
      const written = await run<string>(
        "client.films.list({ limit: 1 }).then(({ data }) => client.cart.create({ filmId: data[0].id, quantity: 1 }))",
      )
      expect(written).toMatchObject({ quantity: 1 })
      await goto(page, "/next")
      const asked = page.waitForRequest((request) => request.method() === "POST") // the first one: it renews the token
      await run("client.cart.list()")
      expect((await (await asked).allHeaders())["selvedge-bookmark"]).toMatch(/^\w{32}\.\d{16}\./)
    })
  })

  describe("a provider", () => {
    test("leads back to the page that was left, whose address tells nothing afterwards", async () => {
      await goto(page, "/back?film=1#reviews")
      await run('auth.signInWithRedirect("oidc")')
      await pass(page, "eve")
      await page.waitForURL(`${SITE}/back?film=1#reviews`)
      await ready(page)
      expect(await run("returned")).toMatchObject({ user: { email: "eve@people.example" } })
      expect(await run("Object.keys(localStorage).length")).toBe(1)
      await page.reload()
      await ready(page)
      expect(await run("returned")).toBeUndefined()
      expect(await run("first")).toBe("eve@people.example")
    })

    test("lets two tabs leave at the same time, each with its own way back", async () => {
      const email = `fay${++people}@example.com`
      await run('auth.signInWithRedirect("oidc")')
      const other = await tab()
      await run(`auth.sendLink("${email}", { redirectTo: "/mailed" })`, other)
      await pass(page, "gil")
      await page.waitForURL(`${SITE}/`)
      await ready(page)
      expect(await run("returned")).toMatchObject({ user: { email: "gil@people.example" } })
      await follow(other, await shop.mailTo(email, "sign-in-link"), "/mailed")
      expect(await run("returned", other)).toMatchObject({ user: { email } })
    })

    test("that the person turned away from is told as such", async () => {
      await run('auth.signInWithRedirect("oidc")')
      await pass(page, undefined)
      await page.waitForURL(`${SITE}/`)
      await ready(page)
      expect(await run("returned")).toMatchObject({ code: "access_denied", detail: "The sign-in was cancelled." })
    })

    test("signs in by a window, also when its page cuts the window off", async () => {
      await page.evaluate("document.hasFocus = () => false") // as while a window is before it
      const { opened, outcome } = await popup('auth.signInWithPopup("oidc", { redirectTo: "/window" })')
      await opened.route(`${shop.people.issuer}/**`, async (route) => {
        const response = await route.fetch({ maxRedirects: 0 })
        await route.fulfill({
          response,
          headers: { ...response.headers(), "Cross-Origin-Opener-Policy": "same-origin" },
        })
      })
      await pass(opened, "hal")
      expect(await outcome).toMatchObject({ user: { email: "hal@people.example" } })
      expect(await run("Object.keys(localStorage).length")).toBe(1)
    })

    test("in a window that is closed, or blocked, is told as such", async () => {
      const { opened, outcome } = await popup('auth.signInWithPopup("oidc")')
      await opened.close()
      expect(await outcome).toMatchObject({ code: "popup_closed" })
      await page.evaluate("window.open = () => null")
      expect(await run('auth.signInWithPopup("oidc")')).toMatchObject({ code: "popup_blocked" })
    })

    test("is linked by a window and by a redirect, and removed", async () => {
      const email = await signUp()
      const { opened, outcome } = await popup('auth.identities.linkWithPopup("oidc")')
      await pass(opened, "ida")
      expect(await outcome).toMatchObject({ provider: "oidc", email: "ida@people.example" })
      await run('auth.identities.remove("oidc")')
      await browser.context.clearCookies({ domain: "127.0.0.1" })
      await run('auth.identities.link("oidc", { redirectTo: "/linked" })')
      await pass(page, "ivy")
      await page.waitForURL(`${SITE}/linked`)
      await ready(page)
      expect(await run("returned")).toMatchObject({ user: { email }, identity: { email: "ivy@people.example" } })
      expect(await run("auth.identities.list()")).toMatchObject([{ provider: "oidc" }])
    })

    test("brings nobody in whose code came from another browser", async () => {
      const email = await signUp()
      await goto(page, "/?selvedge=x&code=of-somebody-else")
      expect(await run("returned")).toMatchObject({ code: "other_browser" })
      await goto(page, "/?selvedge=popup-x&code=of-somebody-else")
      expect(await run("returned")).toMatchObject({ code: "other_browser" })
      expect([page.url(), await run("first")]).toEqual([`${SITE}/`, email])
      expect(requests).not.toContain("POST /v1/auth/exchange")
      await goto(page, "/?code=of-another-library")
      expect([page.url(), await run("returned")]).toEqual([`${SITE}/?code=of-another-library`, undefined])
      expect(await run('auth.sendLink("x@example.com", { redirectTo: "https://evil.example" })')).toMatchObject({
        name: "TypeError",
      })
    })
  })

  test("a link by mail signs in, in another tab of the browser that asked for it", async () => {
    const email = `cy${++people}@example.com`
    expect(await run(`auth.sendLink("${email}", { redirectTo: "/back" })`)).toBeUndefined()
    const opened = await browser.context.newPage()
    await follow(opened, await shop.mailTo(email, "sign-in-link"), "/back")
    expect(await run("returned", opened)).toMatchObject({ user: { email } })
    await page.waitForFunction(`auth.user?.email === "${email}"`)
  })

  test("a passkey is added, named, signs in by itself and from a form's suggestions, and is removed", async () => {
    const devices = await browser.context.newCDPSession(page)
    await devices.send("WebAuthn.enable")
    const options = {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
    } as const
    const { authenticatorId } = await devices.send("WebAuthn.addVirtualAuthenticator", { options })
    const email = await signUp()
    const { id } = await run<{ id: string }>('auth.passkeys.add("Laptop")')
    expect(await run('auth.passkeys.add("Again")')).toMatchObject({ code: "conflict" })
    expect(await run(`auth.passkeys.rename("${id}", "Desk")`)).toMatchObject({ name: "Desk" })
    expect(await run("auth.passkeys.list()")).toMatchObject([{ id, name: "Desk" }])
    await run("auth.signOut()")
    expect(await run("auth.passkeys.signIn()")).toMatchObject({ user: { email } })
    await run("auth.signOut()")

    const waiting = run("(globalThis.waiting = auth.passkeys.signIn({ autofill: true }))")
    await devices.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: true })
    expect(await waiting).toMatchObject({ user: { email } })
    await run(`auth.passkeys.remove("${id}")`)
    expect(await run("auth.passkeys.list()")).toEqual([])

    await devices.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled: false })
    const signal = "AbortSignal.timeout(200)"
    expect(await run(`auth.passkeys.signIn({ autofill: true, signal: ${signal} })`)).toMatchObject({
      code: "cancelled",
    })
  })
})
