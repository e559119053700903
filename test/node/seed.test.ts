/** The seed: the films as the shop shows them, out of the file as it is. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { cleanMovie, type Movie } from "../../app/seed/movie.ts"
import { seedRows } from "../../app/seed/rows.ts"

const file = join(import.meta.dirname, "../../node_modules/vega-datasets/data/movies.json")
const movies = JSON.parse(readFileSync(file, "utf8")) as Movie[]
const { films, directors } = seedRows(movies)
const filmNamed = (title: string) => films.find((film) => film.title === title)

test("every film and every director is there once, each with an id of its own", () => {
  expect(films).toHaveLength(3201)
  expect(directors).toHaveLength(550)
  expect(new Set(directors.map((director) => director.name)).size).toBe(550)
  expect(new Set([...films, ...directors].map((row) => row.id)).size).toBe(3201 + 550)
})

test("a film comes out whole", () => {
  expect(films[0]).toEqual({
    id: "019b9251-e800-7894-99ee-4b5f6d364098",
    createdAt: Date.UTC(2026, 0, 6, 8),
    updatedAt: Date.UTC(2026, 0, 6, 8),
    version: 1,
    title: "The Land Girls",
    year: 1998,
    releasedOn: "1998-06-12",
    genre: null,
    creativeType: null,
    source: null,
    distributor: "Gramercy",
    mpaaRating: "R",
    runningMinutes: null,
    rating: 6.1,
    votes: 1071,
    tomatoes: null,
    budget: 8_000_000,
    worldwideGross: 146_083,
    usGross: 146_083,
    dvdSales: null,
    directorId: null,
    priceCents: 1599,
    stock: 6,
  })
})

test("titles that are numbers become text, and the missing one gets a name", () => {
  const numbers = films.filter((film) => /^\d+$/.test(film.title)).map((film) => film.title)
  for (const title of ["1776", "1941", "1408", "2012", "2046", "21", "300", "9", "54"]) expect(numbers).toContain(title)
  expect(films.filter((film) => film.title === "Untitled")).toHaveLength(1)
})

test("no film is newer than the file: years to come are of the century before", () => {
  const years = films.map((film) => film.year ?? 0)
  expect([Math.min(...years), Math.max(...years)]).toEqual([1915, 2011])
  const known = { "The Birth of a Nation": 1915, "The Big Parade": 1925, Wings: 1927, "Gone with the Wind": 1939 }
  for (const [title, year] of Object.entries(known)) expect(filmNamed(title)?.year).toBe(year)
  expect(filmNamed("Duel in the Sun")?.releasedOn).toBe("1946-12-31")
  expect(filmNamed("The Adventures of Tintin: Secret of the Unicorn")?.releasedOn).toBe("2011-12-23")
})

test("missing values stay null", () => {
  const missing = (key: keyof (typeof films)[number]) => films.filter((film) => film[key] === null).length
  expect({
    genre: missing("genre"),
    creativeType: missing("creativeType"),
    source: missing("source"),
    rating: missing("rating"),
    votes: missing("votes"),
    tomatoes: missing("tomatoes"),
    budget: missing("budget"),
    usGross: missing("usGross"),
    worldwideGross: missing("worldwideGross"),
    dvdSales: missing("dvdSales"),
    runningMinutes: missing("runningMinutes"),
    directorId: missing("directorId"),
    releasedOn: missing("releasedOn"),
  }).toEqual({
    genre: 275,
    creativeType: 446,
    source: 365,
    rating: 213,
    votes: 213,
    tomatoes: 880,
    budget: 1,
    usGross: 7,
    worldwideGross: 7,
    dvdSales: 2637,
    runningMinutes: 1992,
    directorId: 1331,
    releasedOn: 0,
  })
})

test("values that only say unknown are null too", () => {
  expect(films.filter((film) => film.distributor === null)).toHaveLength(232 + 1)
  expect(films.filter((film) => film.mpaaRating === null)).toHaveLength(605 + 2)
})

test("garbled letters are as they were meant", () => {
  for (const title of ["Léon", "Déjà Vu", "La Môme", "Alien³", "The Naked Gun 2½: The Smell of Fear"])
    expect(filmNamed(title)).toBeDefined()
})

test("a date that is none is null", () => {
  expect(cleanMovie({ ...movies[0]!, "Release Date": "TBD" })).toMatchObject({ year: null, releasedOn: null })
  expect(cleanMovie({ ...movies[0]!, "Release Date": null })).toMatchObject({ year: null, releasedOn: null })
})

test("films belong to their directors", () => {
  const nolan = directors.find((director) => director.name === "Christopher Nolan")
  const titles = films.filter((film) => film.directorId === nolan?.id).map((film) => film.title)
  expect(titles).toContain("Inception")
})

test("ids are UUIDv7 and in the order of creation", () => {
  const ids = films.map((film) => film.id)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids.toSorted()).toEqual(ids)
})

test("prices end in 99 between 4.99 and 24.99, and some films are sold out", () => {
  for (const { priceCents } of films)
    expect([99, priceCents >= 499, priceCents <= 2499]).toEqual([priceCents % 100, true, true])
  expect(films.filter((film) => film.stock === 0)).toHaveLength(258)
})
