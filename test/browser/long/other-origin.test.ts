/** The shop's pages on a static host of another site, in a browser that blocks cookies of third parties. */

import { afterAll, beforeAll, expect, inject, test } from "vitest"
import { type Site, startSite } from "../../../scripts/site/server.ts"
import { withBrowser } from "../people.ts"
import { call, changeFilm, newEmail, newFilm, SHOP, signUp } from "../shop.ts"
import { openSignIn, signUpByForm, writeReview } from "../steps.ts"

/** By number, so that the API at localhost is another site. */
const SITE = `http://127.0.0.1:${inject("sitePort")}`
const { customer, person } = withBrowser("--test-third-party-cookie-phaseout")

let site: Site

beforeAll(async () => {
  site = await startSite({ api: SHOP, port: inject("sitePort"), folder: inject("pages") })
})

afterAll(() => site?.close())

test("somebody signs up, reviews, sees what others do, and buys", async () => {
  const film = await newFilm({ priceCents: 500 })
  const { page, context } = await person({ site: SITE })
  await page.goto(`/film?id=${film.id}`)
  await openSignIn(page)
  await signUpByForm(page, { name: "Ada", email: newEmail("Ada") })
  await page.goto(`/film?id=${film.id}`)
  await writeReview(page, 5, "From another site.")
  await expect.poll(async () => (await call("GET", `/v1/reviews?filmId=${film.id}`)).data.length).toBe(1)

  const bob = await signUp("Bob")
  await call("POST", "/v1/reviews", { filmId: film.id, stars: 1, body: "From somewhere else." }, bob.token)
  await page.getByRole("list", { name: "Reviews" }).getByText("From somewhere else.").waitFor()
  await changeFilm(film.id, { priceCents: 600 })
  await page.getByRole("region", { name: "Buy" }).getByText("€6.00").waitFor()

  await page.getByRole("button", { name: "Add to cart" }).click()
  await page.getByRole("link", { name: "Cart, 1 film" }).click()
  await page.getByRole("button", { name: "Place the order" }).click()
  await page.waitForURL("**/orders?new=*")
  await page
    .getByRole("list", { name: /^Orders/ })
    .getByText("Paid", { exact: true })
    .waitFor()
  expect(new URL(page.url()).origin).toBe(SITE)
  expect(await context.cookies()).toEqual([])
})

test("every page of it is there, and its links stay on the site", async () => {
  const { page, mayMeet } = await person({ site: SITE })
  mayMeet(404)
  for (const path of ["/", "/film?id=none", "/sign-in", "/cart", "/orders", "/room", "/account", "/staff", "/none"]) {
    await page.goto(path)
    await page
      .getByRole("heading", { level: 1 })
      .or(page.getByRole("heading", { level: 2 }))
      .first()
      .waitFor()
  }
})

test("the second step's picture comes from where the client does", async () => {
  const { page } = await customer("Ada", { site: SITE })
  await page.goto("/account")
  await page.getByRole("button", { name: "Set up an authenticator app" }).click()
  await page.getByRole("img", { name: "QR code" }).waitFor()
})
