/** The page of the README, in a folder of its own on a site of another origin, with nothing but the edge beside it. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { afterAll, beforeAll, expect, inject, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type Site, startSite } from "../../scripts/site/server.ts"
import { withBrowser } from "./people.ts"
import { newEmail, PASSWORD, SHOP } from "./shop.ts"

const SITE = `http://localhost:${inject("sitePort")}`
const { person } = withBrowser()

let folder: string
let site: Site

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "selvedge-fresh-"))
  const [, page] = /^## On a static page\n[\s\S]*?^```html\n([\s\S]*?)^```$/m.exec(
    await readFile(join(PROJECT_ROOT, "README.md"), "utf8"),
  )!
  await writeFile(join(folder, "index.html"), page!.replaceAll("http://localhost:8787", SHOP))
  site = await startSite({ api: SHOP, port: inject("sitePort"), folder })
})

afterAll(async () => {
  await site?.close()
  await rm(folder, { recursive: true, force: true })
})

test("two people sign up and see at once what the other writes", async () => {
  const [ada, bob] = [await person({ site: SITE }), await person({ site: SITE })]
  for (const { page, mayMeet } of [ada, bob]) {
    mayMeet(404) // it has no icon
    await page.goto("/")
    await page.getByRole("heading").filter({ hasText: /\w/ }).waitFor()
    await signUp(page)
  }
  await publish(ada.page, "From Ada.")
  await bob.page.getByRole("listitem").filter({ hasText: "★★★★★ From Ada." }).waitFor()
  await publish(bob.page, "From Bob.")
  for (const { page } of [ada, bob])
    await expect
      .poll(() => page.getByRole("listitem").allTextContents())
      .toEqual(["★★★★★ From Bob.", "★★★★★ From Ada."])
  bob.mayMeet(409)
  await publish(bob.page, "Once more.")
  await bob.page.getByRole("status").filter({ hasText: /\w/ }).waitFor()
  expect(await bob.page.getByRole("listitem").count()).toBe(2)
})

async function signUp(page: Page): Promise<void> {
  await page.getByLabel("E-mail").fill(newEmail())
  await page.getByLabel("Password").fill(PASSWORD)
  await page.getByRole("button", { name: "Sign up" }).click()
  await page.getByLabel("Review").waitFor()
}

async function publish(page: Page, body: string): Promise<void> {
  await page.getByLabel("Review").fill(body)
  await page.getByRole("button", { name: "Publish" }).click()
}
