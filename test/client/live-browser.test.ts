/** Live lists and channels of pages in a real browser: offline and back, and without a WebSocket. */

import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { bundleClient } from "../../scripts/client-assets.ts"
import { type Browser, hasBrowser, launchBrowser } from "../node/browser-fixture.ts"
import { type Person, type Shop, startShop } from "../node/live/shop.ts"

describe.skipIf(!hasBrowser)("a page", () => {
  let site: Server
  let origin: string
  let shop: Shop
  let person: Person
  let browser: Browser

  beforeAll(async () => {
    site = await serve()
    origin = `http://localhost:${(site.address() as AddressInfo).port}`
    shop = await startShop(origin)
    person = await shop.signIn()
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    site?.close()
  })

  test("that was offline is told so, comes back at once, and then has what it missed, in its room as well", async () => {
    const film = await shop.film("College")
    const page = await open(film, "")
    await until(page, "list.status === 'live' && room.get().status === 'joined'")
    await browser.context.setOffline(true)
    await until(page, "list.status === 'offline' && room.get().status === 'offline'")
    for (const body of ["one", "two", "three"]) await write(film, body)
    await new Promise((done) => setTimeout(done, 5_000)) // the waits between its tries have grown
    await browser.context.setOffline(false)
    const since = Date.now()
    await until(page, "list.data.length === 3 && list.status === 'live' && room.get().status === 'joined'")
    expect(Date.now() - since).toBeLessThan(5_000)
    expect(await page.evaluate("list.data.map(({ body }) => body).sort().join()")).toBe("one,three,two")
    expect(await page.evaluate("sockets.filter(({ readyState }) => readyState === 1).length")).toBe(1)
    await page.close()
  })

  test("without WebSockets is live all the same, but for its room, which says why; the next network may have them", async () => {
    const film = await shop.film("Free and Easy")
    const page = await open(film, "blocked")
    await until(page, "list.status === 'live' && room.get().status === 'failed'")
    expect(await page.evaluate("room.get().problem.message")).toContain("WebSocket")
    await write(film, "one")
    await until(page, "list.data.length === 1")
    await page.evaluate("isBlocked = false; dispatchEvent(new Event('online'))")
    await until(page, "room.get().status === 'joined'")
    await write(film, "two")
    await until(page, "list.data.length === 2 && list.status === 'live'")
    await page.close()
  })

  async function open(film: string, how: string): Promise<Page> {
    const page = await browser.context.newPage()
    await page.goto(`${origin}/?${new URLSearchParams({ api: shop.url, film, how })}`)
    return page
  }

  async function write(film: string, body: string): Promise<void> {
    const writer = body === "one" ? person : await shop.signIn()
    await writer.call("POST", "v1/reviews", { id: randomUUID(), filmId: film, stars: 3, body })
  }
})

const PAGE = `<!doctype html><title>A site</title><link rel="icon" href="data:,">
<script type="module">
const { api, film, how } = Object.fromEntries(new URLSearchParams(location.search))
globalThis.isBlocked = how === "blocked"
globalThis.sockets = []
const Native = WebSocket
globalThis.WebSocket = class extends Native {
  constructor(url) {
    super(isBlocked ? "ws://localhost:9" : url)
    sockets.push(this)
  }
}
const { createClient } = await import("/selvedge.js")
const client = createClient(api, { storage: "memory" })
await client.auth.signInAnonymously()
client.reviews.live({ filmId: film }, (_, state) => { globalThis.list = state })
globalThis.room = client.channel("room:" + film, { presence: {} })
globalThis.ready = true
</script>`

async function serve(): Promise<Server> {
  const files = new Map((await bundleClient()).map(({ path, code }) => [`/${path}`, code]))
  const server = createServer((request, response) => {
    const code = files.get(request.url!)
    response.setHeader("Content-Type", code === undefined ? "text/html" : "text/javascript").end(code ?? PAGE)
  })
  await once(server.listen(0, "localhost"), "listening")
  return server
}

async function until(page: Page, condition: string): Promise<void> {
  await page.waitForFunction(`globalThis.ready && globalThis.list && (${condition})`, undefined, { timeout: 30_000 })
}
