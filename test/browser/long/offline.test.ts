/** Without a network people go on writing; back in it everything is sent once, in order. */

import { expect, test } from "vitest"
import { withBrowser } from "../people.ts"
import { call, newFilm } from "../shop.ts"
import { writeReview } from "../steps.ts"

const { person, customer } = withBrowser()

test("a review and a cart that were changed offline are shown at once, and sent once and in order", async () => {
  const film = await newFilm()
  const ada = await customer("Ada")
  const { page, context, mayMeet } = ada
  mayMeet("ERR_INTERNET_DISCONNECTED")
  const reader = await person()
  for (const { page } of [ada, reader]) {
    await page.goto(`/film?id=${film.id}`)
    await page.getByText("Nobody has written yet.").waitFor()
  }
  const answered: string[] = []
  page.on("response", (response) => {
    const request = response.request()
    if (request.method() === "GET" || !/reviews|cart/.test(request.url())) return
    answered.push(`${request.method()} ${new URL(request.url()).pathname.split("/")[2]} ${response.status()}`)
  })

  await context.setOffline(true)
  await page.getByText("There is no connection.").waitFor()
  await writeReview(page, 5, "Written in a tunnel.")
  const reviews = page.getByRole("list", { name: "Reviews" })
  await reviews.getByText("sending …").waitFor()
  await page.getByRole("button", { name: "Add to cart" }).click()
  await page.getByRole("link", { name: "Cart, 1 film" }).waitFor()
  await page.getByText("2 changes will be sent").waitFor()
  expect(answered).toEqual([])

  await context.setOffline(false)
  await reader.page.getByRole("list", { name: "Reviews" }).getByText("Written in a tunnel.").waitFor()
  await page.getByText("There is no connection.").waitFor({ state: "hidden" })
  await reviews.getByText("sending …").waitFor({ state: "detached" })
  await expect.poll(() => answered).toEqual(["POST reviews 201", "POST cart 201"])
  expect((await call("GET", `/v1/reviews?filmId=${film.id}`)).data).toMatchObject([{ body: "Written in a tunnel." }])
  expect((await call("GET", "/v1/cart", undefined, ada.token)).data).toMatchObject([{ filmId: film.id, quantity: 1 }])
})

test("what others did meanwhile is there when the network is back", async () => {
  const film = await newFilm()
  const [ada, bob] = [await customer("Ada"), await customer("Bob")]
  ada.mayMeet("ERR_INTERNET_DISCONNECTED")
  await ada.page.goto(`/film?id=${film.id}`)
  await ada.page.getByText("Nobody has written yet.").waitFor()
  await ada.context.setOffline(true)
  await ada.page.getByText("There is no connection.").waitFor()
  await call("POST", "/v1/reviews", { filmId: film.id, stars: 2, body: "While Ada was away." }, bob.token)
  await ada.context.setOffline(false)
  await ada.page.getByRole("list", { name: "Reviews" }).getByText("While Ada was away.").waitFor()
})

test("a page that is opened when the API can't be reached says so, and is there once it can", async () => {
  const { page, mayMeet, faults } = await person()
  mayMeet("ERR_CONNECTION_REFUSED")
  await page.route("**/selvedge.js", (route) => route.abort("connectionrefused"))
  await page.goto("/")
  await page.getByRole("heading", { name: "The shop can’t be reached" }).waitFor()
  faults.length = 0 // a module that can't be loaded is told by the browser, and can't be kept from it
  await page.unroute("**/selvedge.js")
  await page.getByRole("button", { name: "Try again" }).click()
  await page.getByRole("heading", { name: /Three thousand films/ }).waitFor()
})
