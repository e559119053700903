/** People with a browser of their own, and what their pages must never do. */

import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, expect } from "vitest"
import { CHROMIUM, FLAGS } from "../node/browser-fixture.ts"
import { PASSWORD, SHOP, signUp } from "./shop.ts"

/** What Chromium logs by itself for an answer that isn't 2xx, or none. It looks for icons of what is no page of the shop. */
const REFUSAL = /^Failed to load resource: .*?(?:status of (\d{3})|net::(\w+))/
/** The browser has gone to the next page without the movement between the two, as it may; no script is told of all. */
const NOT_ANIMATED = "Transition was "
/** What Chromium says when a page is left while its socket is still opening. */
const LEFT = "WebSocket is closed before the connection is established"
const PATIENCE_MS = 20_000

export interface Person {
  readonly page: Page
  readonly context: BrowserContext
  /** Words that no page may log, and hosts that none may ask: empty at the end of each test. */
  readonly faults: string[]
  /** Expects refusals such as `422` or `ERR_INTERNET_DISCONNECTED`, which Chromium logs by itself. */
  mayMeet(...refusals: (number | string)[]): void
  /** A tab that shares all but its page. */
  tab(): Promise<Page>
}

export interface SignedInPerson extends Person {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly token: string
}

export interface PersonOptions extends BrowserContextOptions {
  /** The site that is visited; the shop's own unless told. */
  readonly site?: string
}

export interface People {
  person(options?: PersonOptions): Promise<Person>
  /** Signed up by the API, and signed in on the page by the client's own hand. */
  customer(name: string, options?: PersonOptions & { readonly roles?: readonly string[] }): Promise<SignedInPerson>
}

/** Call it once in a file: a browser for its tests, people for each. @param flags Of Chromium's command line. */
export function withBrowser(...flags: readonly string[]): People {
  let browser: Browser
  const people: Person[] = []

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...flags] })
  })
  afterEach(async () => {
    const faults = people.flatMap((person) => person.faults)
    await Promise.all(people.splice(0).map(({ context }) => context.close()))
    expect(faults).toEqual([])
  })
  afterAll(() => browser?.close())

  async function person({ site = SHOP, ...options }: PersonOptions = {}): Promise<Person> {
    const context = await browser.newContext({ baseURL: site, ...options })
    context.setDefaultTimeout(PATIENCE_MS)
    const made = watched(context, await context.newPage(), [SHOP, site])
    people.push(made)
    return made
  }

  return {
    person,
    async customer(name, { roles = [], ...options } = {}) {
      const made = await person(options)
      const { id, email, token } = await signUp(name, ...roles)
      await made.page.goto("/shop/config.js") // nothing of a page runs there
      await made.page.evaluate(`import("${SHOP}/selvedge.js").then(({ createClient }) =>
        createClient("${SHOP}").auth.signIn({ email: "${email}", password: "${PASSWORD}" }).then(() => {}))`)
      return { ...made, id, email, name, token }
    },
  }
}

function watched(context: BrowserContext, page: Page, origins: readonly string[]): Person {
  const faults: string[] = []
  const expected = new Set<string>()
  context.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return
    const [, status, failure] = REFUSAL.exec(message.text()) ?? []
    const { url } = message.location()
    if (expected.has(status ?? failure ?? "") || url.endsWith("/favicon.ico") || message.text().includes(LEFT)) return
    faults.push(`${message.type()}: ${message.text()} ${url}`)
  })
  context.on("weberror", (error) => {
    const { message, stack } = error.error()
    if (!message.startsWith(NOT_ANIMATED)) faults.push(`not caught: ${message} ${stack} ${error.page()?.url()}`)
  })
  context.on("request", (request) => {
    const url = new URL(request.url())
    if (url.protocol.startsWith("http") && !origins.includes(url.origin)) faults.push(`another host: ${url}`)
  })
  return {
    page,
    context,
    faults,
    mayMeet: (...refusals) => {
      for (const refusal of refusals) expected.add(String(refusal))
    },
    tab: () => context.newPage(),
  }
}
