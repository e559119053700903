/** The pages for everybody: narrow and wide, light and dark, by the keyboard alone, without motion. */

import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { seriousFindings, tooWide } from "../checks.ts"
import { atRest, pagesOf } from "../page-list.ts"
import { withBrowser } from "../people.ts"
import { newFilm, ordersOf } from "../shop.ts"

const MOST_TABS = 150
const { person, customer } = withBrowser()

const looks = [390, 1_280].flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({ width, colorScheme })),
)

test.each(looks)("at $width px in $colorScheme no page scrolls sideways or has a serious finding", async (look) => {
  const { width, colorScheme } = look
  const options = { viewport: { width, height: 844 }, colorScheme }
  const visitor = await person(options)
  visitor.mayMeet(404)
  const staff = await customer("Sam", { ...options, roles: ["staff"] })
  const visits = [
    ...pagesOf.visitor((await newFilm({ stock: 0 })).id).map((path) => ({ page: visitor.page, path })),
    ...(await pagesOf.staff(staff)).map((path) => ({ page: staff.page, path })),
  ]
  const found: string[] = []
  for (const { page, path } of visits) {
    await page.goto(path)
    await atRest(page)
    for (const finding of [...(await seriousFindings(page)), ...(await tooWide(page))])
      found.push(`${path}: ${finding}`)
  }
  expect(found).toEqual([])
})

test("the menu and the filters of a narrow screen have no serious finding", async () => {
  const { page } = await person({ viewport: { width: 390, height: 844 } })
  await page.goto("/")
  await atRest(page)
  await page.getByRole("button", { name: "Menu" }).click()
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Watch parties" }).waitFor()
  expect(await seriousFindings(page)).toEqual([])
  await page.keyboard.press("Escape")
  await page
    .getByRole("button", { name: /Filter/ })
    .first()
    .click()
  await page.getByRole("checkbox", { name: /^Drama \d/ }).waitFor()
  expect(await seriousFindings(page)).toEqual([])
  expect(await tooWide(page)).toEqual([])
})

test("from the catalogue to an order by the keyboard alone, seeing where one is", async () => {
  const film = await newFilm()
  const { page } = await customer("Ada")
  await page.goto("/")
  await page.keyboard.press("Tab")
  expect(await focused(page)).toContain("Skip to the films")
  await tabTo(page, /^Search films/)
  await page.keyboard.type(film.title)
  await page.getByRole("heading", { name: film.title }).waitFor()
  await tabTo(page, new RegExp(`^${film.title}`))
  await page.keyboard.press("Enter")
  await page.waitForURL("**/film?id=*")
  await page.getByRole("heading", { level: 1, name: film.title }).waitFor()
  await tabTo(page, /^Add to cart/)
  await page.keyboard.press("Enter")
  await page.getByRole("link", { name: "Cart, 1 film" }).waitFor()
  await tabTo(page, /^Cart, 1 film/)
  await page.keyboard.press("Enter")
  await page.getByRole("button", { name: "Place the order" }).waitFor()
  await tabTo(page, /^Place the order/)
  await page.keyboard.press("Enter")
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toHaveLength(1)
})

test("who wants no motion gets none", async () => {
  const { page } = await person({ reducedMotion: "reduce" })
  const film = await newFilm()
  for (const path of ["/", `/film?id=${film.id}`, "/room"]) {
    await page.goto(path)
    const moving = `document.getAnimations().filter(({ effect }) => effect.getComputedTiming().duration > 1)
      .map(({ effect }) => effect.target.outerHTML.slice(0, 100))`
    expect(await page.evaluate(moving), path).toEqual([])
    await atRest(page)
  }
})

async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = []
  for (let tabs = 0; tabs < MOST_TABS; tabs++) {
    await page.keyboard.press("Tab")
    const text = await focused(page)
    passed.push(text)
    if (!name.test(text)) continue
    const outline = `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).boxShadow`
    expect(await page.evaluate(outline), `where the focus is at ${name}`).not.toBe("nonenone")
    return
  }
  throw new Error(`${name} isn't reached by Tab: ${passed.join(" | ")}`)
}

function focused(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const { activeElement } = document
    const image = activeElement.querySelector("h3")
    return (activeElement.getAttribute("aria-label") ?? image?.textContent ?? activeElement.textContent).trim()
  })()`)
}
