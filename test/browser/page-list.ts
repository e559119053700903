/** The pages of the shop, with something on them, and when they are at rest. */

import type { Page } from "playwright-core"
import { expect } from "vitest"
import { call, newFilm } from "./shop.ts"

export const pagesOf = {
  visitor: (filmId: string): string[] => [
    "/",
    "/?q=no+such+film",
    `/film?id=${filmId}`,
    "/film?id=none",
    "/sign-in",
    "/cart",
    "/orders",
    "/room",
    `/room?id=${filmId}`,
    "/account",
    "/staff",
    "/no/such/page",
  ],
  /** Of somebody with a review, an order and a cart. */
  async staff({ token }: { readonly token: string }): Promise<string[]> {
    const film = await newFilm({ title: "A film with a title that is rather longer than most: its very end" })
    await call("POST", "/v1/reviews", { filmId: film.id, stars: 4, body: "Worth every minute." }, token)
    await call("POST", "/v1/cart", { filmId: film.id, quantity: 2 }, token)
    await call("POST", "/v1/checkout", {}, token)
    await call("POST", "/v1/cart", { filmId: film.id, quantity: 1 }, token)
    return ["/", `/film?id=${film.id}`, "/cart", "/orders", `/room?id=${film.id}`, "/account", "/staff", "/sign-in"]
  },
}

/** Nothing is on its way any more, as far as one sees, and nothing moves. */
export async function atRest(page: Page): Promise<void> {
  const isAtRest = `
    document.readyState === "complete" &&
    document.fonts.status === "loaded" &&
    ![...document.querySelectorAll("#main [aria-busy=true], #main .skeleton")].some((one) => one.checkVisibility()) &&
    document.querySelector("#main")?.textContent.trim() !== "" &&
    document.getAnimations().every(({ playState }) => playState !== "running")`
  await expect.poll(() => page.evaluate(isAtRest), { timeout: 20_000, message: `${page.url()} is at rest` }).toBe(true)
}
