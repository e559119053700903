/** What others do shows on open pages, also where no socket gets through. */

import { expect, test } from "vitest"
import { type Person, withBrowser } from "../people.ts"
import { call, changeFilm, newFilm, signUp } from "../shop.ts"
import { openRoom, untilFilms } from "../steps.ts"

const { person, customer } = withBrowser()

test("what staff changes at the counter shows on a film's open page", async () => {
  const film = await newFilm({ priceCents: 1_200, stock: 10 })
  const staff = await customer("Sam", { roles: ["staff"] })
  const { page } = await person()
  await page.goto(`/film?id=${film.id}`)
  const offer = page.getByRole("region", { name: "Buy" })
  await offer.getByText("€12.00").waitFor()
  await staff.page.goto("/staff")
  await staff.page.getByRole("searchbox", { name: "Title" }).fill(film.title)
  const price = staff.page.getByRole("textbox", { name: `Price of ${film.title}` })
  await price.fill("7.50")
  await price.press("Enter")
  await offer.getByText("€7.50").waitFor()
  const stock = staff.page.getByRole("textbox", { name: `Stock of ${film.title}` })
  await stock.fill("2")
  await stock.press("Enter")
  await offer.getByText("Only 2 left").waitFor()
  await stock.fill("0")
  await stock.press("Enter")
  await offer.getByRole("button", { name: "Sold out" }).waitFor()
  expect(await offer.getByRole("button", { name: "Sold out" }).isDisabled()).toBe(true)
})

test.each(["the catalogue", "a search"])("a card of %s follows the price of its film", async (place) => {
  const film = await newFilm({ rating: 10 })
  const { page } = await person()
  await page.goto(place === "a search" ? `/?q=${encodeURIComponent(film.title)}` : "/")
  await untilFilms(page, /film/)
  const card = page.getByRole("listitem").filter({ hasText: film.title })
  await expect
    .poll(async () => {
      await changeFilm(film.id, { priceCents: 777 }) // until the page has begun to follow
      return (await card.textContent())?.includes("€7.77")
    })
    .toBe(true)
  await changeFilm(film.id, { priceCents: 888 })
  await card.getByText("€8.88").waitFor()
})

test("a double click on Publish publishes once, and goes nowhere", async () => {
  const { data } = await call(
    "GET",
    "/v1/films?sort=-rating&limit=1&filter=%7B%22director%22%3A%7B%22name%22%3A%22Alfred%20Hitchcock%22%7D%7D",
  )
  const { page } = await customer("Ada")
  await page.goto(`/film?id=${data[0].id}`)
  await page.getByRole("heading", { name: "More by Alfred Hitchcock" }).waitFor()
  const form = page.getByRole("form", { name: "Write a review" })
  await form.getByRole("radio", { name: "4 star" }).press(" ")
  await form.getByRole("textbox").fill("Twice is once.")
  await form.getByRole("button", { name: "Publish" }).dblclick({ delay: 80 })
  await form.waitFor({ state: "hidden" })
  expect(new URL(page.url()).searchParams.get("id")).toBe(data[0].id)
  const own = page.getByRole("list", { name: "Reviews" }).getByRole("listitem").filter({ hasText: "You" })
  await own.getByText("Twice is once.").waitFor()
  expect(await own.count()).toBe(1)
  await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Edit")
})

test("where no socket gets through a list stays live, and a room says that it can't be entered", async () => {
  const film = await newFilm()
  const ada = await withoutSockets(await customer("Ada"))
  ada.mayMeet(426) // by which the client learns that it isn't the network
  await ada.page.goto(`/film?id=${film.id}`)
  await ada.page.getByText("Nobody has written yet.").waitFor()
  const bob = await signUp("Bob")
  const { id } = await call("POST", "/v1/reviews", { filmId: film.id, stars: 5, body: "By a stream." }, bob.token)
  const reviews = ada.page.getByRole("list", { name: "Reviews" })
  await reviews.getByText("By a stream.").waitFor({ timeout: 40_000 })
  await call("PATCH", `/v1/reviews/${id}`, { body: "Still by a stream." }, bob.token)
  await reviews.getByText("Still by a stream.").waitFor()

  await openRoom(ada.page, film)
  await ada.page.getByRole("status").filter({ hasText: "Talk needs a WebSocket" }).waitFor({ timeout: 40_000 })
})

async function withoutSockets<P extends Person>(person: P): Promise<P> {
  await person.context.routeWebSocket("**/v1/live", (socket) => socket.close())
  return person
}
