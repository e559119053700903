/** `/docs` in a real browser, served by the very bundle that a deploy uploads. */

import { join, resolve } from "node:path"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createTestHarness } from "wrangler"
import { copyVendored } from "../../scripts/vendor.ts"
import { type Browser, hasBrowser, launchBrowser } from "./browser-fixture.ts"

const ROOT = resolve(import.meta.dirname, "../..")
const FILM = "0199dddd-0000-7000-8000-000000000001"

describe.skipIf(!hasBrowser)("the reference page", () => {
  const server = createTestHarness({
    root: ROOT,
    workers: [
      {
        configPath: join(ROOT, "wrangler.toml"),
        secrets: { SELVEDGE_SECRET: "a secret for tests, with more than 32 characters" },
      },
    ],
  })
  const asked: string[] = []
  const complaints: string[] = []
  let origin: string
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    await copyVendored(ROOT)
    origin = (await server.listen()).url.origin
    const worker = server.getWorker()
    await worker.applyD1Migrations("DB")
    const { DB } = (await worker.getEnv()) as { DB: D1Database }
    await DB.prepare(
      "INSERT INTO films (id, created_at, updated_at, version, title, price_cents, stock) VALUES (?, 1, 1, 1, 'Metropolis', 999, 3)",
    )
      .bind(FILM)
      .run()
    browser = await launchBrowser("--window-size=1400,1000")
    page = await browser.context.newPage()
    page.on("request", (request) => asked.push(request.url()))
    page.on("pageerror", (error) => complaints.push(error.message))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
    })
    await page.goto(`${origin}/docs`, { waitUntil: "networkidle" })
  })

  afterAll(async () => {
    await browser?.close()
    await server.close()
  })

  test("shows the shop's operations", async () => {
    await page.getByRole("heading", { name: "The film shop" }).waitFor()
    const names = (await page.locator("aside, nav").first().innerText()).split("\n")
    for (const name of ["films", "directors", "reviews", "cart", "orders", "application", "List films"]) {
      expect(names).toContain(name)
    }
  })

  test("tries a request, and shows the films of the answer", async () => {
    await page.goto(`${origin}/docs#tag/films/GET/v1/films`)
    await page
      .getByRole("button", { name: /Test Request.*get \/v1\/films/is })
      .first()
      .click()
    const answer = page.waitForResponse((response) => response.url().startsWith(`${origin}/v1/films`))
    await page.getByRole("button", { name: "Send", exact: false }).first().click()
    const response = await answer
    expect(response.status()).toBe(200)
    expect(await response.json()).toMatchObject({ data: [{ id: FILM, title: "Metropolis" }] })
    await page.getByText("200 OK").waitFor()
    await page.getByText('"Metropolis"').first().waitFor()
  })

  test("asks no other host, and breaks no rule of its policy", () => {
    expect(asked.length).toBeGreaterThan(3)
    expect(asked.filter((url) => !/^(data|blob):/.test(url) && new URL(url).origin !== origin)).toEqual([])
    expect(complaints).toEqual([])
  })
})
