/** Each page, empty and filled: nothing serious for axe-core, nothing in the log, nothing asked of another host. */

import { expect, test } from "vitest"
import { seriousFindings, tooWide } from "./checks.ts"
import { atRest, pagesOf } from "./page-list.ts"
import { withBrowser } from "./people.ts"
import { newFilm } from "./shop.ts"

const { person, customer } = withBrowser()

test("pages of a visitor", async () => {
  const { page, mayMeet } = await person()
  mayMeet(404)
  for (const path of pagesOf.visitor((await newFilm()).id)) {
    await page.goto(path)
    await atRest(page)
    expect(await seriousFindings(page), path).toEqual([])
    expect(await tooWide(page), path).toEqual([])
  }
})

test("pages of a customer and of staff", async () => {
  const staff = await customer("Sam", { roles: ["staff"], viewport: { width: 390, height: 844 }, colorScheme: "dark" })
  for (const path of await pagesOf.staff(staff)) {
    await staff.page.goto(path)
    await atRest(staff.page)
    expect(await seriousFindings(staff.page), path).toEqual([])
    expect(await tooWide(staff.page), path).toEqual([])
  }
})
