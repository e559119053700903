/** `npm run bench:geo`: a simulation, out of counted paths and published round trips. Nothing here was measured at the edge. */

import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createChance } from "./chance.ts"
import { type City, model, network, places } from "./inputs.ts"
import { CACHED, ROWS, type Row, UNCACHED } from "./kinds.ts"
import { atTheEdge, inOneRegion, nearest, pick, type Times, timesOf } from "./simulate.ts"

interface Result {
  readonly name: string
  readonly group: Row["group"]
  readonly continent: string
  readonly edge: Times
  readonly oneRegion: Times
}

const RESULTS = join(import.meta.dirname, "results.json")
const CONTINENTS = [...new Set(places.cities.map(({ continent }) => continent))]
/** A continent on which a copy of the database stands. */
const WITH_REPLICA = new Set(
  places.cities.filter(({ name }) => Object.values(places.regions).includes(name)).map(({ continent }) => continent),
)

const results = CONTINENTS.flatMap((continent) => ROWS.map((row) => simulate(row, continent)))
const mobile = CONTINENTS.map((continent) => simulate(rowOf(CACHED), continent, "mobile"))
const lines = [
  "A simulation: counted paths × published round trips. Nothing here was measured at the edge.",
  `Milliseconds, p50 / p95; four cities a continent; primary and the single region in ${model.singleRegion.city}.`,
  "",
  ...table(results),
  "",
  ...goals(),
  "",
  `On a mobile network, ${CACHED}: ${mobile.map(({ continent, edge }) => `${continent} ${round(edge.p50)}`).join(", ")}.`,
  ...derived(),
]
console.log(lines.join("\n"))
await writeFile(RESULTS, `${JSON.stringify({ seed: model.seed, fit: network.fit, results, mobile }, undefined, 2)}\n`)

function simulate({ name, group, mix }: Row, continent: string, access: "fixed" | "mobile" = "fixed"): Result {
  const cities = places.cities.filter((city) => city.continent === continent)
  const time = (way: typeof atTheEdge) => {
    const chance = createChance(model.seed)
    return timesOf(cities, (city: City) => way(pick(mix, chance), city, chance, access))
  }
  return { name, group, continent, edge: time(atTheEdge), oneRegion: time(inOneRegion) }
}

function rowOf(name: string): Row {
  return ROWS.find((row) => row.name === name)!
}

function table(of: readonly Result[]): string[] {
  const cell = ({ p50, p95 }: Times) => `${round(p50)} / ${round(p95)}`
  const rows = ROWS.flatMap(({ name, group }) => {
    const here = of.filter((result) => result.name === name)
    return [
      [group, name, "Selvedge", ...here.map(({ edge }) => cell(edge))],
      [group, name, "one region", ...here.map(({ oneRegion }) => cell(oneRegion))],
    ]
  })
  const head = ["", "request", "backend", ...CONTINENTS]
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`)
}

function goals(): string[] {
  const { cachedReadP50Ms, uncachedReadP50Ms } = model.goals
  return [
    verdict(CACHED, cachedReadP50Ms),
    verdict(UNCACHED, uncachedReadP50Ms),
    ...CONTINENTS.filter((continent) => !WITH_REPLICA.has(continent)).map(
      (continent) => `${continent} has no region of D1: ${farthest(continent)}.`,
    ),
  ]
}

function verdict(name: string, goalMs: number): string {
  const here = results.filter((result) => result.name === name && WITH_REPLICA.has(result.continent))
  const missed = here.filter(({ edge }) => edge.p50 >= goalMs)
  const told = missed.map(({ continent, edge }) => `${continent} ${round(edge.p50)} ms (${farthest(continent)})`)
  const where = "on every continent with a replica"
  return `Goal, p50 of "${name}" under ${goalMs} ms ${where}: ${told.length === 0 ? "met" : `missed in ${told.join(", ")}`}.`
}

/** How far each city's nearest copy is. */
function farthest(continent: string): string {
  return places.cities
    .filter((city) => city.continent === continent)
    .map(({ name }) => {
      const to = nearest(name, Object.values(places.regions))
      return name === to ? `${name} has its own copy` : `${name} to ${to} ${round(network.roundTrip(name, to).ms)} ms`
    })
    .join(", ")
}

function derived(): string[] {
  const { factor, exponent, medianError } = network.fit
  const names = places.cities
    .filter(({ name }) => network.roundTrip(name, nearest(name, Object.values(places.regions))).derived)
    .map(({ name }) => name)
  const formula = `${factor.toFixed(3)} ms × km ^ ${exponent.toFixed(2)}, which misses published pairs by ${round(100 * medianError)} % in the median`
  return [`Reckoned from the distance (${formula}): the way to the nearest copy from ${names.join(", ")}.`]
}

function round(ms: number): string {
  return Math.round(ms).toLocaleString("en")
}
