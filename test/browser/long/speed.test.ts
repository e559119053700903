/** How soon a page is there with an empty cache, and that nothing on it jumps: by the browser's own figures. */

import { expect, test } from "vitest"
import { median, type Vitals, vitalsOf } from "../checks.ts"
import { atRest } from "../page-list.ts"
import { withBrowser } from "../people.ts"
import { call, newFilm, signUp } from "../shop.ts"

const RUNS = 3
const LARGEST_PAINT_MS = 1_000
const LAYOUT_SHIFT = 0.01

const { person } = withBrowser()

test("the catalogue's largest paint comes within a second, and nothing shifts", async () => {
  const { largestPaintMs, layoutShift } = await measure("/")
  expect(largestPaintMs).toBeLessThan(LARGEST_PAINT_MS)
  expect(layoutShift).toBeLessThan(LAYOUT_SHIFT)
})

test("on a narrow screen neither", async () => {
  const { largestPaintMs, layoutShift } = await measure("/", { width: 390, height: 844 })
  expect(largestPaintMs).toBeLessThan(LARGEST_PAINT_MS)
  expect(layoutShift).toBeLessThan(LAYOUT_SHIFT)
})

test("nothing shifts on the page of a film with reviews", async () => {
  const film = await newFilm()
  for (const name of ["Ada", "Bob"]) {
    const { token } = await signUp(name)
    await call("POST", "/v1/reviews", { filmId: film.id, stars: 4, body: "Worth every minute." }, token)
  }
  const { layoutShift } = await measure(`/film?id=${film.id}`)
  expect(layoutShift).toBeLessThan(LAYOUT_SHIFT)
})

/** Medians of visits by people who were never here. */
async function measure(path: string, viewport = { width: 1_280, height: 800 }): Promise<Vitals> {
  const visits: Vitals[] = []
  for (let run = 0; run < RUNS; run++) {
    const { page, context } = await person({ viewport })
    await page.goto(path)
    await atRest(page)
    visits.push(await vitalsOf(page))
    await context.close()
  }
  const [largestPaintMs, layoutShift, bytes] = (["largestPaintMs", "layoutShift", "bytes"] as const).map((name) =>
    median(visits.map((visit) => visit[name])),
  ) as [number, number, number]
  const figures = `largest paint ${largestPaintMs.toFixed(0)} ms, shift ${layoutShift.toFixed(4)}, ${(bytes / 1024).toFixed(0)} KB`
  console.log(`${path} at ${viewport.width} px: ${figures}`)
  return { largestPaintMs, layoutShift, bytes }
}
