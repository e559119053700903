/** Pages of a listed site in a real browser: two tabs that see the same, one of which loses its network. */

import type { Server } from "node:http"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Message } from "../../live/client.ts"
import { type Browser, hasBrowser, launchBrowser } from "../browser-fixture.ts"
import { close, listen } from "../providers-fixture.ts"
import { type Shop, startShop } from "./shop.ts"

/** What a page has of its own: a socket that comes back by itself, and everything that was told. */
const PAGE = `<!doctype html><title>A site</title><script>
const told = []
function follow(url, film) {
  const socket = new WebSocket(url)
  socket.onmessage = ({ data }) => {
    const frame = [JSON.parse(data)].flat()
    told.push(...frame.filter(({ id }) => id === "reviews"))
    if (frame[0].type !== "ready") return
    const since = told.at(-1)?.seq
    socket.send(JSON.stringify({ type: "query", id: "reviews", collection: "reviews", query: { filmId: film }, since }))
  }
  // without a network no goodbye comes
  const gone = ({ code }) => {
    told.code = code
    socket.onmessage = socket.onclose = null
    removeEventListener("offline", gone)
    socket.close()
    if (navigator.onLine) setTimeout(follow, 200, url, film)
    else addEventListener("online", () => follow(url, film), { once: true })
  }
  addEventListener("offline", gone)
  socket.onclose = gone
}
</script>`

describe.skipIf(!hasBrowser)("a listed site's pages", () => {
  let site: { server: Server; origin: string }
  let unlisted: { server: Server; origin: string }
  let shop: Shop
  let browser: Browser

  beforeAll(async () => {
    ;[site, unlisted] = [await startSite(), await startSite()]
    shop = await startShop(site.origin)
    browser = await launchBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await shop?.close()
    await Promise.all([site, unlisted].map((one) => one && close(one.server)))
  })

  test("a tab that was offline catches up, change by change, and then holds what the other does", async () => {
    const film = await shop.film("The General")
    const person = await shop.signIn()
    const [stays, goes] = [await open(site.origin, film), await open(site.origin, film)]
    for (const page of [stays, goes]) await untilTold(page, 1)
    const { id } = await person.call("POST", "v1/reviews", { filmId: film, stars: 1, body: "0" })
    for (const page of [stays, goes]) await untilTold(page, 2)
    const setOffline = await networkOf(goes)
    await setOffline(true)
    for (let step = 1; step <= 50; step++) await person.call("PATCH", `v1/reviews/${id}`, { body: String(step) })
    await untilTold(stays, 52)
    expect(await told(goes)).toHaveLength(2)
    await setOffline(false)
    await untilTold(goes, 52)
    const [snapshot, ...changes] = await told(goes)
    expect(snapshot).toMatchObject({ type: "snapshot", data: [] })
    expect(changes.map(({ record }) => record.body)).toEqual(Array.from({ length: 51 }, (_, step) => String(step)))
    const seen = (messages: Message[]) => messages.map(({ seq, op, record }) => [seq, op, record])
    expect(seen(await told(stays))).toEqual(seen(await told(goes)))
  })

  test("a page of a site that isn't listed gets no socket", async () => {
    const page = await open(unlisted.origin, await shop.film("Sherlock Jr."))
    await expect.poll(() => page.evaluate("told.code"), { timeout: 30_000 }).toBe(1006)
    expect(await told(page)).toEqual([])
  })

  async function open(origin: string, film: string): Promise<Page> {
    const page = await browser.context.newPage()
    await page.goto(origin)
    await page.evaluate(`follow("${shop.url.replace("http", "ws")}v1/live", "${film}")`)
    return page
  }

  /** Of one tab alone; a context's would be all tabs'. */
  async function networkOf(page: Page): Promise<(isOffline: boolean) => Promise<void>> {
    const devtools = await browser.context.newCDPSession(page)
    await devtools.send("Network.enable")
    const endless = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 }
    return async (isOffline) => {
      await devtools.send("Network.emulateNetworkConditions", { offline: isOffline, ...endless })
      await expect.poll(() => page.evaluate("navigator.onLine")).toBe(!isOffline)
    }
  }
})

function told(page: Page): Promise<Message[]> {
  return page.evaluate("told")
}

async function untilTold(page: Page, count: number): Promise<void> {
  await expect.poll(async () => (await told(page)).length, { timeout: 30_000 }).toBeGreaterThanOrEqual(count)
}

async function startSite(): Promise<{ server: Server; origin: string }> {
  const { server, origin } = await listen((_, response) => {
    response.setHeader("Content-Type", "text/html").end(PAGE)
  })
  return { server, origin: origin.replace("127.0.0.1", "localhost") }
}
