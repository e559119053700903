/** Passkeys in a real browser, on the API's own page and on sites of other ports. */

import { decodeJwt } from "jose"
import type { CDPSession, Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Browser, hasBrowser, launchBrowser } from "./browser-fixture.ts"
import { type Sites, startSites } from "./passkeys-fixture.ts"

interface Answer {
  status: number
  body: { user: { id: string }; accessToken: string; id: string; name: string; code: string }
}

describe.skipIf(!hasBrowser)("a passkey", () => {
  let sites: Sites
  let browser: Browser
  let page: Page
  let devices: CDPSession
  let device: string
  let token: string
  let userId: string

  beforeAll(async () => {
    sites = await startSites()
    browser = await launchBrowser()
    page = await browser.context.newPage()
    devices = await browser.context.newCDPSession(page)
    await devices.send("WebAuthn.enable")
    device = await addDevice(true)
  })

  afterAll(async () => {
    await browser?.close()
    await sites?.close()
  })

  /** One that knows its owner, or one that takes anybody. */
  async function addDevice(isUserVerified: boolean): Promise<string> {
    const { authenticatorId } = await devices.send("WebAuthn.addVirtualAuthenticator", {
      options: {
        protocol: "ctap2",
        transport: "internal",
        hasResidentKey: true,
        hasUserVerification: isUserVerified,
        isUserVerified,
        automaticPresenceSimulation: true,
      },
    })
    return authenticatorId
  }

  /** Opens a page of the API itself, or of a site. */
  async function open(origin: string): Promise<void> {
    await page.goto(origin)
    if (origin === sites.api) await page.evaluate(sites.script)
  }

  /** Calls one of the page's own functions. */
  function run(name: "call" | "register" | "signIn" | "assert", ...values: unknown[]): Promise<Answer> {
    return page.evaluate(`passkeys.${name}(...${JSON.stringify(values)})`)
  }

  /** Changes what the server asked, as a page can. */
  async function signInWith(changes: object): Promise<Answer> {
    const { body: options } = await run("call", sites.api, "passkeys/sign-in/options")
    const response = await run("assert", { ...options, ...changes })
    return run("call", sites.api, "passkeys/sign-in", { response })
  }

  test("is added on the API's own page", async () => {
    await open(sites.api)
    const person = { email: "ada@example.com", password: "a long enough passphrase" }
    const session = await run("call", sites.api, "sign-up", person)
    expect(session.status).toBe(201)
    token = session.body.accessToken
    userId = session.body.user.id
    const added = await run("register", sites.api, token, "Laptop")
    expect(added).toMatchObject({ status: 201, body: { name: "Laptop" } })
    const { credentials } = await devices.send("WebAuthn.getCredentials", { authenticatorId: device })
    expect(credentials).toMatchObject([{ isResidentCredential: true, rpId: "localhost" }])
    expect(Buffer.from(credentials[0]!.userHandle!, "base64").toString()).toBe(userId)
  })

  test("26: is not added twice to one device", async () => {
    await expect(run("register", sites.api, token)).rejects.toThrow("previously registered")
  })

  test("27: signs in without an address, at level 2", async () => {
    expect(await run("call", sites.api, "sign-out", undefined, token)).toMatchObject({ status: 204 })
    const session = await run("signIn", sites.api)
    expect(session).toMatchObject({ status: 200, body: { user: { id: userId } } })
    expect(decodeJwt(session.body.accessToken).aal).toBe(2)
  })

  test("signs in on a listed site of another port", async () => {
    await open(sites.listed)
    const session = await run("signIn", sites.api)
    expect(session).toMatchObject({ status: 200, body: { user: { id: userId } } })
    token = session.body.accessToken
  })

  test("24: is refused from a site that isn't listed", async () => {
    await open(sites.unlisted)
    await expect(run("signIn", sites.api)).rejects.toThrow("Failed to fetch")
    const post = (path: string, body?: unknown) =>
      fetch(`${sites.api}/v1/auth/passkeys/${path}`, {
        method: "POST",
        ...(body !== undefined && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
      })
    const options = (await (await post("sign-in/options")).json()) as { challenge: string }
    const refused = await post("sign-in", { response: await run("assert", options) })
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ code: "invalid_credentials" })
  })

  test("27: signs in at level 1 where the page waives that the person is known", async () => {
    await open(sites.listed)
    const session = await signInWith({ userVerification: "discouraged" })
    expect(session).toMatchObject({ status: 200, body: { user: { id: userId } } })
    expect(decodeJwt(session.body.accessToken).aal).toBe(1)
  })

  test("27: of a device that can't tell people apart is added on a listed site, and signs in at level 1", async () => {
    await devices.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: device })
    device = await addDevice(false)
    await open(sites.listed)
    const added = await run("register", sites.api, token)
    expect(added).toMatchObject({ status: 201, body: { name: expect.stringContaining("Linux") } })
    // Chromium lets such a device answer only where it is named
    const session = await signInWith({ allowCredentials: [{ id: added.body.id, type: "public-key" }] })
    expect(session).toMatchObject({ status: 200, body: { user: { id: userId } } })
    expect(decodeJwt(session.body.accessToken).aal).toBe(1)
  })
})
