/** `selvedge/react` in Chromium, in React's strict mode, against the shop. */

import { mkdtemp, rm } from "node:fs/promises"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Page as Tab } from "playwright-core"
import { createElement } from "react"
import { renderToString } from "react-dom/server"
import { createClient } from "selvedge/client"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import type { backend } from "../../app/backend.ts"
import { type Browser, hasBrowser, launchBrowser } from "../node/browser-fixture.ts"
import { type DevServer, startDev } from "../node/dev-fixture.ts"
import { SITE, serveReactPage } from "./react-fixture.ts"
import { Page, type Shop } from "./react-page.ts"

/** How long nothing more may come before it is taken that nothing will. */
const SETTLED_MS = 1_500

describe.skipIf(!hasBrowser)("React's hooks", () => {
  let state: string
  let server: DevServer
  let site: Server
  let browser: Browser
  let tab: Tab
  let api: string
  let filmId: string
  /** Somebody else. */
  let ben: Shop
  let html: string
  /** What the page has sent over its sockets. */
  let frames: { type: string; collection?: string }[]
  let complaints: string[]

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "selvedge-react-"))
    server = await startDev("--persist-to", state)
    api = `http://localhost:${server.port}`
    ben = createClient<typeof backend>(api, { storage: "memory" })
    await ben.auth.signUp({ email: "ben@example.com", password: "a long enough passphrase", name: "Ben" })
    filmId = (await ben.films.list({ sort: "-rating", limit: 1 })).data[0]!.id
    html = renderToString(createElement(Page, { client: createClient<typeof backend>(api), filmId }))
    site = await serveReactPage(html)
    const { port } = site.address() as AddressInfo
    browser = await launchBrowser(`--host-resolver-rules=MAP localhost:8788 127.0.0.1:${port}`)
  })

  afterAll(async () => {
    ben?.close()
    await browser?.close()
    site?.close()
    await server?.stop()
    if (state) await rm(state, { recursive: true, force: true })
  })

  beforeEach(async () => {
    await tab?.close()
    tab = await browser.context.newPage()
    frames = []
    complaints = []
    tab.on("websocket", (socket) =>
      socket.on("framesent", ({ payload }) => {
        if (payload !== "ping") frames.push(JSON.parse(String(payload)) as (typeof frames)[number])
      }),
    )
    tab.on("pageerror", (error) => complaints.push(error.message))
    tab.on("console", (line) => {
      if (line.type() === "error") complaints.push(line.text())
    })
    await tab.goto(SITE)
  })

  test("a page that a server has rendered is taken over without a difference", async () => {
    expect(html).toContain('<output id="account">nobody</output>')
    expect(html).toContain('<output id="reviews">loading: </output>')
    await signUp("Hedda")
    await tab.reload()
    await start(true)
    await shows("film", "live: The Godfather by Francis Ford Coppola, 6")
    await shows("account", "Hedda")
    expect(complaints).toEqual([])
  })

  test("a list follows what others and the page itself write, and the page's own writes show at once", async () => {
    await start()
    await shows("reviews", "live: ")
    const review = await ben.reviews.create({ filmId, stars: 4, body: "Hope." })
    await shows("reviews", "live: 4 Hope.")
    await signUp("Ada")
    await tab.route("**/v1/reviews", async (route) => {
      await new Promise((done) => setTimeout(done, 500))
      await route.continue()
    })
    await inPage(`client.reviews.create({ filmId: "${filmId}", stars: 5, body: "Rain." })`, false)
    await shows("reviews", "live: 5 Rain. …, 4 Hope.")
    await shows("status", "1 online")
    await shows("reviews", "live: 5 Rain., 4 Hope.")
    await shows("status", "0 online")
    await ben.reviews.delete(review)
    await shows("reviews", "live: 5 Rain.")
    expect(complaints).toEqual([])
  })

  test("components that ask for the same share one list, which is asked for once, however often they are rendered", async () => {
    await start()
    await shows("reviews", "live: 5 Rain.")
    await press("Same")
    await shows("same", "live: 5 Rain.")
    for (let times = 0; times < 5; times++) await press("Again")
    await shows("renders", "5")
    await settled()
    expect(queries("reviews")).toBe(1)
    await press("Best")
    await shows("best", "live: 5 Rain.")
    expect(queries("reviews")).toBe(2)
  })

  test("a list ends with the last component that shows it", async () => {
    await start()
    await press("Same")
    await shows("same", "live: 5 Rain.")
    await press("Reviews")
    await settled()
    expect(leaves()).toBe(0)
    await press("Same")
    await expect.poll(leaves).toBe(1)
  })

  test("a query of null asks for nothing until it is known", async () => {
    await start()
    await press("Later")
    await shows("later", "loading: undefined")
    await shows("film", /^live/)
    expect(queries("films")).toBe(1)
    await tab.locator("#later").click()
    await shows("later", "live: 3:10 to Yuma")
  })

  test("a record follows its changes", async () => {
    await start()
    await shows("film", "live: The Godfather by Francis Ford Coppola, 6")
    await ben.cart.create({ filmId, quantity: 1 })
    await ben.request("POST", "/v1/checkout", { body: {}, key: "react-1" })
    await shows("film", "live: The Godfather by Francis Ford Coppola, 5")
  })

  test("the user is who is signed in, in another tab as well", async () => {
    await start()
    await signUp("Cleo")
    await shows("account", "Cleo")
    const other = await browser.context.newPage()
    await other.goto(SITE)
    await start(false, other)
    await shows("account", "Cleo", other)
    await other.evaluate("stage.client.auth.signOut()")
    await shows("account", "nobody", other)
    await shows("account", "nobody")
    await other.close()
  })

  test("a channel is joined once while it is shown, tells a changed presence, and is left afterwards", async () => {
    await start()
    await signUp("Dora")
    await press("Room")
    await shows("room", "joined: A0 | ")
    await tab.locator("#room").click()
    await shows("room", "joined: A0 | Hello from A0")
    await press("Again")
    await shows("room", "joined: A1 | Hello from A0")
    expect(frames.filter(({ type }) => type === "join")).toHaveLength(1)
    const room = ben.channel("room:1")
    await expect.poll(() => room.get().members.map(({ name }) => name)).toEqual(["Dora"])
    await press("Room")
    await expect.poll(() => room.get().members).toEqual([])
    room.leave()
    expect(complaints).toEqual([])
  })

  async function start(isHydrated = false, where = tab): Promise<void> {
    const [apiText, film] = [JSON.stringify(api), JSON.stringify(filmId)]
    if (!isHydrated) await where.evaluate("document.getElementById('root').replaceChildren()")
    await where.evaluate(
      `import("/page.js").then(({ open }) => { globalThis.stage = open(${apiText}, ${film}); stage.start(${isHydrated}) })`,
    )
  }

  async function signUp(name: string): Promise<void> {
    const account = { email: `${name}@example.com`, password: "a long enough passphrase", name }
    const code = `import("/page.js").then(({ open }) => (globalThis.stage ??= open(${JSON.stringify(api)}, "")).client.auth`
    await tab.evaluate(`${code}.signUp(${JSON.stringify(account)})).then(() => undefined)`)
  }

  /** @param isAwaited Else the page goes on with it. */
  async function inPage(expression: string, isAwaited = true): Promise<unknown> {
    return tab.evaluate(`{ const { client } = stage; ${isAwaited ? "" : "void "}${expression} }`)
  }

  function press(name: string): Promise<void> {
    return tab.getByRole("button", { name, exact: true }).click()
  }

  async function shows(id: string, text: string | RegExp, where = tab): Promise<void> {
    const shown = expect.poll(() => where.locator(`#${id}`).textContent(), { timeout: 10_000 })
    await (typeof text === "string" ? shown.toBe(text) : shown.toMatch(text))
  }

  async function settled(): Promise<void> {
    await new Promise((done) => setTimeout(done, SETTLED_MS))
  }

  function queries(collection: string): number {
    return frames.filter((frame) => frame.type === "query" && frame.collection === collection).length
  }

  function leaves(): number {
    return frames.filter(({ type }) => type === "leave").length
  }
})
