/** Tokens that end, sessions that are ended elsewhere, and carts that go along. */

import { expect, test } from "vitest"
import { withBrowser } from "../people.ts"
import { call, newEmail, newFilm } from "../shop.ts"
import { openSignIn, signInByForm, signUpByForm, untilSignedIn, writeReview } from "../steps.ts"

const { person, customer } = withBrowser()

test("a token that is refused is renewed once, and what was asked with it is done once", async () => {
  const film = await newFilm()
  const { page, context, mayMeet } = await customer("Ada")
  mayMeet(401)
  const asked: string[] = []
  let isOld = true
  await context.route("**/v1/reviews", async (route) => {
    if (route.request().method() !== "POST") return route.fallback()
    const headers: Record<string, string> = {
      ...route.request().headers(),
      ...(isOld && { authorization: "Bearer of.another.time" }),
    }
    isOld = false
    asked.push(headers["idempotency-key"]!)
    await route.continue({ headers })
  })
  await page.goto(`/film?id=${film.id}`)
  await page.getByText("Nobody has written yet.").waitFor()
  const refreshed = page.waitForResponse("**/v1/auth/refresh")
  await writeReview(page, 3, "With a new token.")
  expect((await refreshed).status()).toBe(200)
  await expect.poll(async () => (await call("GET", `/v1/reviews?filmId=${film.id}`)).data.length).toBe(1)
  expect(asked).toHaveLength(2)
  expect(new Set(asked).size).toBe(1)
})

test("two tabs whose tokens have aged share one renewal", async () => {
  const film = await newFilm()
  const ada = await customer("Ada")
  const other = await ada.tab()
  const refreshes: string[] = []
  for (const page of [ada.page, other]) {
    await page.goto(`/film?id=${film.id}`)
    await untilSignedIn(page, "Ada")
    await page.getByText("Nobody has written yet.").waitFor()
    // the clock that tells a token's age goes on, its timers don't
    await page.evaluate("{ const now = Date.now; Date.now = () => now() + 11 * 60_000 }")
  }
  ada.context.on("request", (request) => {
    if (request.url().endsWith("/auth/refresh") && request.method() === "POST") refreshes.push(request.url())
  })
  await Promise.all([
    writeReview(ada.page, 3, "In one tab."),
    other.getByRole("button", { name: "Add to cart" }).click(),
  ])
  for (const page of [ada.page, other]) {
    await page.getByRole("list", { name: "Reviews" }).getByText("In one tab.").waitFor()
    await page.getByRole("link", { name: "Cart, 1 film" }).waitFor()
  }
  expect(refreshes).toHaveLength(1)
})

test("a session that is ended on another device ends on this page, which asks to sign in", async () => {
  const film = await newFilm()
  const ada = await customer("Ada")
  ada.mayMeet(401)
  await ada.page.goto(`/film?id=${film.id}`)
  await untilSignedIn(ada.page, "Ada")
  await ada.page.getByText("Nobody has written yet.").waitFor()
  await call("DELETE", "/v1/auth/sessions", undefined, ada.token)
  await ada.page.reload()
  await ada.page.getByRole("link", { name: "Sign in", exact: true }).first().waitFor()
  await ada.page.getByText("Sign in to write what you thought of it.").waitFor()
})

test("a visitor's cart stays after signing up, and is there on a second device", async () => {
  const film = await newFilm()
  const email = newEmail("Ada")
  const [desk, phone] = [await person(), await person({ viewport: { width: 390, height: 844 } })]
  await desk.page.goto(`/film?id=${film.id}`)
  await desk.page.getByRole("button", { name: "Add to cart" }).click()
  await desk.page.getByRole("link", { name: "Cart, 1 film" }).waitFor()
  await openSignIn(desk.page)
  await desk.page.getByText("What is in your cart comes with you").waitFor()
  await signUpByForm(desk.page, { name: "Ada", email })
  await desk.page.getByRole("link", { name: "Cart, 1 film" }).waitFor()

  await phone.page.goto("/sign-in?next=%2Fcart")
  await signInByForm(phone.page, email)
  const line = phone.page
    .getByRole("list", { name: "Films in your cart" })
    .getByRole("listitem")
    .filter({ hasText: film.title })
  await line.waitFor()
  await line.getByRole("button", { name: "One more" }).click()
  await desk.page.getByRole("link", { name: "Cart, 2 films" }).waitFor()
})

test("where the browser keeps nothing for the site its pages still work, each by itself", async () => {
  const film = await newFilm()
  const { page, context } = await person()
  await context.addInitScript(() => {
    const get = () => {
      throw new DOMException("Access is denied for this document.", "SecurityError")
    }
    for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(globalThis, name, { get })
  })
  await page.goto(`/film?id=${film.id}`)
  await page.getByRole("button", { name: "Add to cart" }).click()
  await page.getByRole("link", { name: "Cart, 1 film" }).waitFor()
  await page.goto(`/?q=${encodeURIComponent(film.title)}`)
  await page.locator("#films a").first().click()
  await page.getByRole("heading", { name: film.title, level: 1 }).waitFor()
  await page.goBack()
  await page.getByRole("button", { name: "Switch between light and dark" }).click()
  await page.goto("/cart")
  await page.getByText("Your cart is empty").waitFor()
})
