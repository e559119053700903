/** The checkout when things go wrong: the last copy, impatient fingers, lost answers. One intent is one order. */

import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { type SignedInPerson, withBrowser } from "../people.ts"
import { call, changeFilm, type Film, newFilm, ordersOf } from "../shop.ts"

const { customer } = withBrowser()

test("of two people who buy the last copy at the same time one gets it, and the other is told at the film", async () => {
  const film = await newFilm({ stock: 1 })
  const people = await Promise.all([buyer("Ada", film), buyer("Bob", film)])
  for (const person of people) person.mayMeet(422)
  await Promise.all(people.map(({ page }) => placeButton(page).click()))
  const outcomes = await Promise.all(people.map(({ page }) => outcomeOf(page)))
  expect(outcomes.toSorted()).toEqual(["ordered", "sold out"])
  const { page } = people[outcomes.indexOf("sold out")]!
  const quantity = lineOf(page, film).getByLabel("Quantity")
  expect(await quantity.getAttribute("aria-invalid")).toBe("true")
  expect(await page.locator(`#${await quantity.getAttribute("aria-describedby")}`).textContent()).toMatch(
    /left|sold out/i,
  )
  const orders = await ordersOf(film.id)
  expect(orders).toHaveLength(1)
  expect((await call("GET", `/v1/films/${film.id}`)).stock).toBe(0)
})

test("a double click is one order", async () => {
  const film = await newFilm()
  const { page } = await buyer("Ada", film)
  await placeButton(page).dblclick()
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toHaveLength(1)
})

test("a page that is loaded again before the answer came shows the one order", async () => {
  const film = await newFilm()
  const { page, mayMeet } = await buyer("Ada", film)
  mayMeet("ERR_ABORTED", "ERR_FAILED")
  const { promise, resolve } = Promise.withResolvers<void>()
  await page.route("**/v1/checkout", async (route) => {
    await route.fetch()
    resolve() // and the answer is kept back
  })
  await placeButton(page).click()
  await promise
  await page.unroute("**/v1/checkout")
  await page.reload()
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toHaveLength(1)
})

test("a page that is loaded again before the request got through still has its cart, and orders once", async () => {
  const film = await newFilm()
  const { page, mayMeet } = await buyer("Ada", film)
  mayMeet("ERR_CONNECTION_RESET")
  await page.route("**/v1/checkout", (route) => route.abort("connectionreset"))
  await Promise.all([page.waitForEvent("requestfailed"), placeButton(page).click()])
  await page.reload()
  await lineOf(page, film).waitFor()
  await page.unroute("**/v1/checkout")
  await placeButton(page).click()
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toHaveLength(1)
})

test("an answer that is lost twice is asked for again, and is one order", async () => {
  const film = await newFilm()
  const { page, mayMeet } = await buyer("Ada", film)
  mayMeet("ERR_CONNECTION_RESET")
  let lost = 0
  await page.route("**/v1/checkout", async (route) => {
    await route.fetch()
    if (++lost <= 2) await route.abort("connectionreset")
    else await route.continue()
  })
  await placeButton(page).click()
  await page.waitForURL("**/orders?new=*")
  expect(lost).toBe(3)
  expect(await ordersOf(film.id)).toHaveLength(1)
})

test("what is taken out of the cart after a checkout that got no answer is never bought", async () => {
  const film = await newFilm()
  const { page, mayMeet } = await buyer("Ada", film)
  mayMeet("ERR_CONNECTION_RESET", 422)
  await page.route("**/v1/checkout", (route) => route.abort("connectionreset"))
  await placeButton(page).click()
  await page.getByText("you will not order twice").waitFor({ timeout: 60_000 })
  await page.unroute("**/v1/checkout")
  const { promise: removal, resolve: remove } = Promise.withResolvers<void>()
  await page.route("**/v1/cart/*", async (route) => {
    await removal
    await route.continue()
  })
  await page.getByRole("button", { name: `Remove ${film.title}` }).click()
  await page.getByText("Your cart is empty").waitFor()
  await page.waitForTimeout(1_500)
  remove()
  await expect.poll(async () => (await page.evaluate(() => sessionStorage.getItem("checkout"))) === null).toBe(true)
  expect(await ordersOf(film.id)).toEqual([])
})

test("a quantity that is changed right before is what is bought", async () => {
  const film = await newFilm({ priceCents: 700 })
  const { page } = await buyer("Ada", film)
  await page.getByRole("button", { name: "One more" }).click()
  await page.getByRole("button", { name: "One more" }).click()
  await placeButton(page).click()
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toMatchObject([{ quantity: 3, order: { totalCents: 2_100 } }])
})

test("a film that another device adds in that moment is not bought along, and is seen first", async () => {
  const film = await newFilm({ priceCents: 700 })
  const other = await newFilm({ priceCents: 900 })
  const ada = await buyer("Ada", film)
  ada.mayMeet(422)
  await ada.page.route("**/v1/checkout", async (route) => {
    if (!isAdded) await call("POST", "/v1/cart", { filmId: other.id, quantity: 1 }, ada.token)
    isAdded = true
    await route.continue()
  })
  let isAdded = false
  await placeButton(ada.page).click()
  await ada.page.getByText("Your cart has changed meanwhile").waitFor()
  expect(await ordersOf(film.id)).toEqual([])
  await lineOf(ada.page, other).waitFor()
  await placeButton(ada.page).click()
  await ada.page.waitForURL("**/orders?new=*")
  expect(await ordersOf(other.id)).toMatchObject([{ order: { totalCents: 1_600 } }])
})

test("a price that changes while the cart is open shows at once, and is what is paid", async () => {
  const film = await newFilm({ priceCents: 700 })
  const { page } = await buyer("Ada", film)
  await changeFilm(film.id, { priceCents: 500 })
  await page.locator("#total").getByText("5.00").waitFor()
  await placeButton(page).click()
  await page.waitForURL("**/orders?new=*")
  expect(await ordersOf(film.id)).toMatchObject([{ order: { totalCents: 500 } }])
})

/** With the film in the cart, on the cart's page. */
async function buyer(name: string, film: Film): Promise<SignedInPerson> {
  const person = await customer(name)
  await call("POST", "/v1/cart", { filmId: film.id, quantity: 1 }, person.token)
  await person.page.goto("/cart")
  await lineOf(person.page, film).waitFor()
  return person
}

function lineOf(page: Page, { title }: Film) {
  return page.getByRole("list", { name: "Films in your cart" }).getByRole("listitem").filter({ hasText: title })
}

function placeButton(page: Page) {
  return page.getByRole("button", { name: /^Plac(e|ing) the order/ })
}

async function outcomeOf(page: Page): Promise<"ordered" | "sold out"> {
  return Promise.race([
    page.waitForURL("**/orders?new=*").then(() => "ordered" as const),
    page
      .getByRole("alert")
      .filter({ hasText: "not enough copies" })
      .waitFor()
      .then(() => "sold out" as const),
  ])
}
