/** Two databases: the whole of a world, and only what one caller may see of it. */

import { env } from "cloudflare:workers"
import { users } from "selvedge/tables"
import { expect } from "vitest"
import { quote } from "../../src/schema/columns.ts"
import { type Answer, type Call, type Client, createScenario } from "../fixture/scenario.ts"
import type { Tables } from "./reference.ts"
import { insertStatements, runAll } from "./rows.ts"
import type { Row } from "./values.ts"
import { buildWorld, type Drawn, NAMES, PEOPLE, tables, type World } from "./worlds.ts"

const WHOLE = env.FIXTURE
/** The fixture's tables beside the shop's, without keys: a record may refer to one that isn't there. */
const MIRROR = env.DB

export interface Entered {
  readonly world: World
  readonly whole: Client
  readonly mirror: Client
}

export async function createMirror(): Promise<void> {
  const own = env.TEST_FIXTURE.filter((sql) => NAMES.some((name) => new RegExp(`"(_changes_)?${name}(_|")`).test(sql)))
  const loose = own
    .filter((sql) => !sql.startsWith("CREATE UNIQUE"))
    .map((sql) => sql.replace(/,\s*FOREIGN KEY.*?(?=,\n|\n\))/g, ""))
  await runAll(
    MIRROR,
    loose.map((sql) => MIRROR.prepare(sql)),
  )
  for (const d1 of [WHOLE, MIRROR]) await runAll(d1, insertStatements(d1, users, PEOPLE))
}

/** Fills both databases with a world; the clients are its caller. */
export async function enter(drawn: Drawn): Promise<Entered> {
  const world = buildWorld(drawn)
  await fill(WHOLE, world.rows)
  await fill(MIRROR, world.seen)
  const { kind, id, roles } = drawn.caller
  const caller = kind === "anonymous" ? "anonymous" : { id, roles: [...roles] }
  return {
    world,
    whole: await createScenario(world.whole, WHOLE).as(caller),
    mirror: await createScenario(world.mirror, MIRROR).as(caller),
  }
}

async function fill(d1: D1Database, rows: Tables): Promise<void> {
  const clear = [...NAMES].reverse().map((name) => d1.prepare(`DELETE FROM ${quote(name)}`))
  const insert = NAMES.flatMap((name) => insertStatements(d1, tables[name], rows.get(name) as Row[]))
  await d1.batch([...clear, ...insert])
}

/** Asks both the same, and expects the same of both. */
export async function compare(
  { whole, mirror }: Entered,
  method: keyof Client,
  path: string,
  call?: Call,
): Promise<Answer> {
  const [real, wanted] = [await whole[method](path, call), await mirror[method](path, call)]
  const asked = `${method} ${path} ${JSON.stringify(call ?? {})}`
  expect(real.status, `${asked} ${real.text}`).toBeLessThan(500)
  expect(facts(real), asked).toEqual(facts(wanted))
  return real
}

/** What names the request, the state of the database, and what its caller has left. */
const OWN: readonly string[] = ["x-request-id", "selvedge-bookmark", "ratelimit"]

/** All of an answer but these. */
export function facts({ status, headers, text }: Answer) {
  const others = [...headers].filter(([name]) => !OWN.includes(name))
  return { status, headers: Object.fromEntries(others), text: text.replace(/"requestId":"[^"]*"/, "") }
}
