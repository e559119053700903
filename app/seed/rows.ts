/** The shop's first rows: films and directors with ids, prices and stock that come out the same everywhere. */

import { createHash } from "node:crypto"
import { cleanMovie, type Film, type Movie } from "./movie.ts"

interface RecordRow {
  id: string
  createdAt: number
  updatedAt: number
  version: number
}

export interface DirectorRow extends RecordRow {
  name: string
}

export interface FilmRow extends RecordRow, Omit<Film, "director"> {
  directorId: string | null
  priceCents: number
  stock: number
}

export interface SeedRows {
  directors: DirectorRow[]
  films: FilmRow[]
}

const MINUTE_MS = 60_000
const DIRECTORS_FROM = Date.UTC(2026, 0, 5, 8)
const FILMS_FROM = Date.UTC(2026, 0, 6, 8)
const DIRECTOR_EVERY_MS = 2 * MINUTE_MS
const FILM_EVERY_MS = 47 * MINUTE_MS

const LOWEST_PRICE_CENTS = 499
const HIGHEST_PRICE_CENTS = 2499
const OUT_OF_STOCK_EVERY = 13
const HIGHEST_STOCK = 60

/** @returns Both lists in the order of the file, which is also the order of their ids and of `createdAt`. */
export function seedRows(movies: readonly Movie[]): SeedRows {
  const films = movies.map(cleanMovie)
  const names = [...new Set(films.map((film) => film.director).filter((name) => name !== null))]
  const directors = names.map((name, index) => ({
    ...recordOf(`directors/${name}`, DIRECTORS_FROM + index * DIRECTOR_EVERY_MS),
    name,
  }))
  const idOf = new Map(directors.map((director) => [director.name, director.id]))
  return { directors, films: films.map((film, index) => filmRow(film, index, idOf)) }
}

function filmRow({ director, ...film }: Film, index: number, idOf: Map<string, string>): FilmRow {
  const dice = hashOf(`stock/${index}`)
  return {
    ...recordOf(`films/${index}`, FILMS_FROM + index * FILM_EVERY_MS),
    ...film,
    directorId: director && (idOf.get(director) ?? null),
    priceCents: priceOf(film, dice.readUInt8(0)),
    stock: dice.readUInt8(1) % OUT_OF_STOCK_EVERY === 0 ? 0 : 1 + (dice.readUInt8(2) % HIGHEST_STOCK),
  }
}

/** Newer and better films cost more; a byte of chance moves the price by up to two. */
function priceOf(film: Omit<Film, "director">, chance: number): number {
  const age = Math.max(0, Math.min(1, ((film.year ?? 1980) - 1960) / 50))
  const quality = Math.max(0, Math.min(1, ((film.rating ?? 5.5) - 3) / 6))
  const cents = LOWEST_PRICE_CENTS + 100 * Math.round(9 * age + 9 * quality + (chance % 3))
  return Math.min(cents, HIGHEST_PRICE_CENTS)
}

function recordOf(name: string, createdAt: number): RecordRow {
  return { id: uuidV7(createdAt, hashOf(name)), createdAt, updatedAt: createdAt, version: 1 }
}

/** RFC 9562 §5.7, with a hash in place of the random bits. */
function uuidV7(time: number, random: Buffer): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUIntBE(time, 0, 6)
  random.copy(bytes, 6, 0, 10)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

function hashOf(name: string): Buffer {
  return createHash("sha256").update(`selvedge/${name}`).digest()
}
