/** Pictures of the pages for the documents: `npm run test:browser -- --screenshots`. */

import { mkdir, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { PROJECT_ROOT } from "../../../scripts/local-env.ts"
import { atRest } from "../page-list.ts"
import { type PersonOptions, withBrowser } from "../people.ts"
import { call, changeFilm, signUp } from "../shop.ts"
import { openRoom, untilFilms } from "../steps.ts"

const FOLDER = join(PROJECT_ROOT, "docs/images")
const LARGEST_BYTES = 200 * 1024
const WIDE = { viewport: { width: 1_280, height: 800 } }
const NARROW = { viewport: { width: 390, height: 844 } }
/** So that the same names stand in each picture of a person. */
const REVIEWS = [
  ["Grace", 5, "Saw it again after twenty years. Every line still lands."],
  ["Linus", 4, "The book is better. The film is very, very good."],
  ["Margaret", 5, "I came for the prison and stayed for the friendship."],
] as const

const { person, customer } = withBrowser()

test("pictures of each page", async () => {
  await mkdir(FOLDER, { recursive: true })
  const { data } = await call("GET", "/v1/films?sort=-rating,title&limit=6&fields=id,title")
  const film = data[1] as { id: string; title: string }
  for (const [name, stars, body] of REVIEWS) {
    const { token } = await signUp(name)
    await call("POST", "/v1/reviews", { filmId: film.id, stars, body }, token)
  }
  await changeFilm(film.id, { stock: 4 })

  for (const [look, options] of [
    ["light", { ...WIDE, colorScheme: "light" }],
    ["dark", { ...WIDE, colorScheme: "dark" }],
    ["phone", { ...NARROW, colorScheme: "light" }],
  ] as const) {
    const { page } = await person(options)
    await page.goto("/")
    await untilFilms(page, /films/)
    await take(page, `catalogue-${look}`)
    await page.goto(`/film?id=${film.id}`)
    await page.getByText(REVIEWS[0][2]).waitFor()
    if (look !== "light") await take(page, `film-${look}`)
  }

  const ada = await somebody(film.id, { ...WIDE, colorScheme: "light" })
  await ada.page.goto("/cart")
  await take(ada.page, "cart")
  await ada.page.goto("/orders")
  await ada.page.getByText("Paid", { exact: true }).waitFor()
  await take(ada.page, "orders")
  await ada.page.goto("/account")
  await take(ada.page, "account")
  const visitor = await person({ ...WIDE, colorScheme: "dark" })
  await visitor.page.goto("/sign-in")
  await take(visitor.page, "sign-in-dark")

  const room = await talk(film.id)
  await take(room, "watch-party-phone")
  const staff = await customer("Sam", { ...WIDE, colorScheme: "light", roles: ["staff"] })
  await staff.page.goto("/staff")
  await staff.page.getByRole("table").getByRole("row").nth(5).waitFor()
  await take(staff.page, "staff")
})

/** With an order that is paid, and two films in the cart. */
async function somebody(filmId: string, options: PersonOptions) {
  const ada = await customer("Ada", options)
  const { data } = await call("GET", "/v1/films?sort=-rating,title&limit=9&fields=id")
  const [first, second] = [data[6], data[7]] as { id: string }[]
  await call("POST", "/v1/cart", { filmId, quantity: 1 }, ada.token)
  await call("POST", "/v1/cart", { filmId: second!.id, quantity: 2 }, ada.token)
  await call("POST", "/v1/checkout", {}, ada.token)
  await call("POST", "/v1/cart", { filmId: first!.id, quantity: 1 }, ada.token)
  await call("POST", "/v1/cart", { filmId, quantity: 2 }, ada.token)
  return ada
}

async function talk(filmId: string): Promise<Page> {
  const people = [
    await customer("Ada", { ...NARROW, colorScheme: "dark" }),
    await customer("Bob"),
    await customer("Cleo"),
  ]
  for (const { page } of people) await openRoom(page, { id: filmId })
  const said = [
    [1, "Who brought popcorn?"],
    [2, "Me! Salty and sweet."],
    [0, "Shh, it begins."],
    [1, "That opening shot …"],
    [2, "I have seen it nine times and I still cry."],
  ] as const
  for (const [who, text] of said) {
    const { page } = people[who]!
    await page.getByRole("textbox", { name: "Message" }).fill(text)
    await page.keyboard.press("Enter")
    await people[0]!.page.getByRole("log").getByText(text).waitFor()
  }
  return people[0]!.page
}

async function take(page: Page, name: string): Promise<void> {
  await atRest(page)
  const path = join(FOLDER, `${name}.png`)
  await page.screenshot({ path, animations: "disabled", caret: "hide" })
  expect((await stat(path)).size, name).toBeLessThan(LARGEST_BYTES)
}
