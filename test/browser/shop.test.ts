/** The shop as its customers use it: find a film, buy it, say what they thought, watch it together. */

import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { type SignedInPerson, withBrowser } from "./people.ts"
import { newEmail, newFilm } from "./shop.ts"
import { openRoom, signUpByForm, untilFilms, writeReview } from "./steps.ts"

const { person, customer } = withBrowser()

test("the catalogue shows films, and finds them by words, by choices and in an order", async () => {
  const { page } = await person()
  await page.goto("/")
  await untilFilms(page, /^24 of 3,2\d\d films$/)
  expect((await titles(page))[0]).toBe("The Godfather")

  await page.getByRole("searchbox", { name: "Search films" }).fill("star wa")
  await untilFilms(page, /^\d films$/)
  expect((await titles(page)).every((title) => /star wa/i.test(title))).toBe(true)
  await page.getByRole("button", { name: /^Remove the filter “star wa”/ }).click()

  await page.getByRole("checkbox", { name: /^Western/ }).check()
  await untilFilms(page, "24 of 36 films")
  await page.getByRole("combobox", { name: "Sort by" }).selectOption("Title, A to Z")
  await expect.poll(async () => (await titles(page))[0]).toBe("3:10 to Yuma")
  await page.goBack()
  await expect.poll(async () => (await titles(page))[0]).not.toBe("3:10 to Yuma")
})

test("the catalogue goes on as far as somebody scrolls, and is found again as it was left", async () => {
  const { page } = await person()
  await page.goto("/?genre=Western")
  await untilFilms(page, "24 of 36 films")
  const last = page.getByRole("link", { name: /./ }).and(page.locator(".film-link")).last()
  await last.scrollIntoViewIfNeeded()
  await untilFilms(page, "36 films")
  await last.click()
  await page
    .getByRole("heading", { level: 1 })
    .filter({ hasNotText: /^Film$/ })
    .waitFor()
  await page.goBack()
  await untilFilms(page, "36 films")
  expect(await titles(page)).toHaveLength(36)
})

test("a visitor fills a cart, signs up with it, orders, and sees the payment come through", async () => {
  const film = await newFilm({ stock: 5 })
  const { page } = await person()
  await page.goto(`/film?id=${film.id}`)
  await page.getByRole("spinbutton", { name: "Copies" }).fill("2")
  await page.getByRole("button", { name: "Add to cart" }).click()
  await page.getByRole("link", { name: "Cart, 2 films" }).click()
  await page.getByRole("list", { name: "Films in your cart" }).getByRole("link", { name: film.title }).waitFor()
  await page.getByRole("button", { name: "Place the order" }).click()
  await page.getByRole("dialog").getByRole("link", { name: "Sign in first" }).click()
  await signUpByForm(page, { name: "Ada", email: newEmail("Ada") })
  await page.waitForURL("**/cart")
  await page.getByRole("list", { name: "Films in your cart" }).getByRole("link", { name: film.title }).waitFor()
  await page.getByRole("button", { name: "Place the order" }).click()
  await page.waitForURL("**/orders?new=*")
  const order = page
    .getByRole("list", { name: /^Orders/ })
    .getByRole("listitem")
    .filter({ hasText: film.title })
    .first()
  await order.getByText("Paid", { exact: true }).waitFor()
  expect(await order.textContent()).toContain("€24.00")
})

test("what one writes about a film the other reads at once", async () => {
  const film = await newFilm()
  const [ada, bob] = await two()
  for (const { page } of [ada, bob]) {
    await page.goto(`/film?id=${film.id}`)
    await page.getByText("Nobody has written yet.").waitFor()
  }
  await writeReview(ada.page, 4, "Worth every minute.")
  for (const [{ page }, author] of [
    [bob, "Ada"],
    [ada, "You"],
  ] as const) {
    const review = page.getByRole("list", { name: "Reviews" }).getByRole("listitem")
    await review.filter({ hasText: "Worth every minute." }).filter({ hasText: author }).waitFor()
    expect(await review.count()).toBe(1)
  }
})

test("in a watch party they see who is there, and what is said, in one order", async () => {
  const film = await newFilm()
  const [ada, bob] = await two()
  for (const { page } of [ada, bob]) await openRoom(page, film)
  for (const { page } of [ada, bob]) await page.getByText("2 people are here").waitFor()
  expect(await ada.page.getByRole("list", { name: "Who is here" }).textContent()).toMatch(/Ada \(you\).*Bob/)
  const said = ["Who brought popcorn?", "Me!", "Shh, it begins."]
  for (const [index, text] of said.entries()) {
    const { page } = [ada, bob][index % 2]!
    await page.getByRole("textbox", { name: "Message" }).fill(text)
    await page.keyboard.press("Enter")
    for (const one of [ada, bob]) await one.page.getByRole("log").getByText(text).waitFor()
  }
  for (const { page } of [ada, bob])
    expect(await page.getByRole("log").locator(".text").allTextContents()).toEqual(said)
  await bob.page.close()
  await ada.page.getByText("1 person is here").waitFor()
})

function two(): Promise<[SignedInPerson, SignedInPerson]> {
  return Promise.all([customer("Ada"), customer("Bob")])
}

function titles(page: Page): Promise<string[]> {
  return page.locator(".film-link h3").allTextContents()
}
