/** The guide, made real: its code compiles and runs, its indexes suffice, its requests are answered as it says. */

import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { dirname, join } from "node:path"
import { text as readText } from "node:stream/consumers"
import { promisify } from "node:util"
import { convertV4MiniflareOptions, Miniflare } from "miniflare"
import type { Backend } from "selvedge"
import { newId } from "selvedge/tables"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { checkIndexes } from "../../scripts/check-indexes/check.ts"
import { openDatabase } from "../../scripts/check-indexes/database.ts"
import { report } from "../../scripts/check-indexes/report.ts"
import { planMigration } from "../../scripts/migrate/plan.ts"
import { EMPTY } from "../../scripts/migrate/table-schema.ts"
import { createKeys } from "../../src/auth/keys.ts"
import { createTokens } from "../../src/auth/tokens.ts"
import { ResponseCache } from "../../src/cache/response-cache.ts"
import { Isolate } from "../../src/db/isolate.ts"
import { createApp } from "../../src/http/app.ts"
import { engineTables } from "../../src/schema/engine-tables.ts"
import { compile } from "./compile-fixture.ts"

const ROOT = join(import.meta.dirname, "../..")
/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".guide-tmp")
const GUIDE = await readFile(join(ROOT, "docs/guides/schema-and-access.md"), "utf8")
const SECRET = "a secret for tests, with more than 32 characters"
const TOKEN = /^(\w+)="Authorization: Bearer \$\(npm run -s token -- --email (\w+)@example\.com(?: --role (\w+))?\)"$/
const REQUEST = /^curl .*? +# (\d{3})$/
const DECLARATION = /^(?:const|function) /gm
/** Stands behind each answer. */
const MARK = "----- next request -----"

/** What short pieces of code take as given. */
const IMPORTS: Record<string, readonly string[]> = {
  "drizzle-orm/sqlite-core": ["blob", "integer", "sqliteTable", "text"],
  selvedge: ["type Caller", "type Filter", "type Router", "collection", "endpoint", "role", "signedIn"],
  "selvedge/tables": ["bigint", "recordColumns"],
}
const NAMESPACES = {
  tables: 'import * as tables from "../app/schema.ts"',
  collections: 'import type { collections } from "../app/collections.ts"',
  z: 'import * as z from "zod"',
}

interface Block {
  language: string
  text: string
}

interface Answered {
  command: string
  wanted: number
  status: number
  body: string
}

const blocks = [...GUIDE.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].map(
  ([, language, text]): Block => ({ language: language!, text: text! }),
)
const code = blocks.filter(({ language }) => language === "ts").map(({ text }) => text)
const files = code.flatMap((text) => {
  const [, path] = /^\/\/ (app\/\S+)\n/.exec(text) ?? []
  return path ? [{ path, text }] : []
})
const pieces = code
  .filter((text) => !files.some((file) => file.text === text))
  .map((text, i) => ({
    path: `pieces/${i}.ts`,
    text: `${importsOf(text)}\n${text.replace(DECLARATION, "export $&")}\n`,
  }))

let backend: Backend
let miniflare: Miniflare
let server: Server
let answered: Answered[]
const people: Record<string, { id: string; header: string }> = {}

beforeAll(async () => {
  await rm(FOLDER, { recursive: true, force: true })
  await write([...files, ...pieces])
  backend = await importBackend("app")
  miniflare = new Miniflare(
    convertV4MiniflareOptions({ modules: true, script: "export default {}", d1Databases: ["DB"] }),
  )
  const db = (await miniflare.getD1Database("DB")) as unknown as D1Database
  await db.batch((await schemaOf(backend)).map((sql) => db.prepare(sql)))
  const { more } = (await import(join(FOLDER, pathOf("function more")))) as { more: Backend["routes"] }
  server = await serve({ ...backend, routes: (app) => [backend.routes!(app), more!(app)] }, db)
  answered = await run(await scriptFor(db))
})

afterAll(async () => {
  server?.close()
  await miniflare?.dispose()
  await rm(FOLDER, { recursive: true, force: true })
})

test("its code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

test("its short pieces run", async () => {
  expect(pieces.length).toBeGreaterThan(3)
  for (const { path } of pieces) await import(join(FOLDER, path))
})

test("its tables have the indexes that its orders, rules and relations need", async () => {
  const { findings, notes } = await check(backend)
  expect([findings, notes]).toEqual([[], []])
})

test("without one of them, the check says what the guide shows", async () => {
  const [shown] = blocks.filter(({ text }) => text.includes("SCAN t"))
  const without = files.map(({ path, text }) => ({
    path: path.replace(/^app/, "lacking"),
    text: text.replace(/^.*index\("tasks_by_priority"\).*\n/m, ""),
  }))
  await write(without)
  const lines = report(await check(await importBackend("lacking")), "on a database for tests").split("\n")
  expect(lines).toEqual(expect.arrayContaining(shown!.text.split("\n")))
})

test("each request is answered with the status that stands behind it", () => {
  expect(answered.length).toBe([...GUIDE.matchAll(/ # \d{3}$/gm)].length)
  expect(answered.filter(({ wanted, status }) => wanted !== status)).toEqual([])
})

describe("an answer that is shown is the one that comes", () => {
  const shown = blocks.flatMap(({ language, text }, i) => {
    if (language !== "json") return []
    const command = commandsOf(blocks[i - 1]!.text).at(-1)!
    return [{ command, wanted: JSON.parse(text) as object }]
  })
  test.each(shown)("$command", ({ command, wanted }) => {
    const last = answered.findLast((each) => each.command === command)
    expect(JSON.parse(last!.body)).toMatchObject(wanted)
  })
})

test("every filter that it lists is taken", async () => {
  const { filters } = (await import(join(FOLDER, pathOf("const filters")))) as { filters: object[] }
  expect(filters.length).toBeGreaterThan(5)
  const { port } = server.address() as AddressInfo
  for (const filter of filters) {
    const response = await fetch(
      `http://localhost:${port}/v1/tasks?filter=${encodeURIComponent(JSON.stringify(filter))}`,
    )
    expect([filter, response.status]).toEqual([filter, 200])
  }
})

test("its batch of records takes a member on and gives them a task", async () => {
  const { port } = server.address() as AddressInfo
  const { ada, ben } = people
  const [, projectId] = /^PROJECT=(.*)$/m.exec(GUIDE)!
  const send = async (userId: string) => {
    const response = await fetch(`http://localhost:${port}/v1/hires`, {
      method: "POST",
      headers: { Authorization: ada!.header, "Content-Type": "application/json" },
      body: JSON.stringify({ projectId, userId }),
    })
    return [response.status, await response.json()]
  }
  expect(await send(ben!.id)).toMatchObject([201, { projectId, userId: ben!.id }])
  expect(await send(ben!.id)).toMatchObject([409, { code: "conflict" }])
})

/** Where the short piece with `text` in it was written. */
function pathOf(text: string): string {
  return pieces.find((piece) => piece.text.includes(text))!.path
}

function importsOf(text: string): string {
  const uses = (name: string) => new RegExp(`\\b${name.replace("type ", "")}\\b`).test(text)
  const named = Object.entries(IMPORTS).map(([from, names]) => ({ from, names: names.filter(uses) }))
  return [
    ...named
      .filter(({ names }) => names.length > 0)
      .map(({ from, names }) => `import { ${names.join(", ")} } from "${from}"`),
    ...Object.entries(NAMESPACES).flatMap(([name, line]) => (uses(name) ? [line] : [])),
  ].join("\n")
}

async function write(all: readonly { path: string; text: string }[]): Promise<void> {
  for (const { path, text } of all) {
    await mkdir(dirname(join(FOLDER, path)), { recursive: true })
    await writeFile(join(FOLDER, path), text)
  }
}

async function importBackend(folder: string): Promise<Backend> {
  return ((await import(join(FOLDER, folder, "backend.ts"))) as { backend: Backend }).backend
}

async function schemaOf({ tables, collections }: Backend): Promise<string[]> {
  const { statements } = await planMigration({
    previous: EMPTY,
    tables: [...Object.values(engineTables), ...tables],
    search: new Map([...collections.values()].map((each) => [each.table.name, each.search])),
  })
  return statements
}

async function check(of: Backend) {
  const { explain, dispose } = await openDatabase([await schemaOf(of)])
  try {
    return await checkIndexes(of, explain)
  } finally {
    await dispose()
  }
}

/** A guide's collections keep no answers. */
const noCache = {} as KVNamespace

async function serve(of: Backend, d1: D1Database): Promise<Server> {
  const now = () => Date.now()
  const tokens = createTokens({ db: d1, secret: SECRET, now })
  const keys = createKeys({ db: d1, now })
  const app = createApp({
    ...of,
    parts: [],
    d1,
    tokens,
    keys,
    now,
    isolate: new Isolate(now),
    cache: new ResponseCache({ kv: noCache, collections: of.collections, now, log: () => {} }),
    rates: { spend: () => ({ passes: true, limit: undefined, retryAfterS: 0 }), knownRefusal: () => undefined },
    isLocal: true,
    dispatch: { queue: { sendBatch: async () => {} }, clock: { wakeBy: async (at) => at }, state: { clockWakesAt: 0 } },
    publisher: { publish: async () => ({ seq: "" }) },
    feed: { wake: async () => {}, status: async () => [] },
    variable: () => undefined,
    log: () => {},
  })
  const execution = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} } as unknown as ExecutionContext
  const listening = createServer(async (incoming, outgoing) => {
    const body = await readText(incoming)
    const request = new Request(`http://localhost${incoming.url}`, {
      method: incoming.method!,
      headers: incoming.headers as Record<string, string>,
      ...(body !== "" && { body }),
    })
    const response = await app.fetch(request, {}, execution)
    outgoing.writeHead(response.status, Object.fromEntries(response.headers))
    outgoing.end(await response.text())
  })
  await once(listening.listen(0, "127.0.0.1"), "listening")
  return listening
}

/** The guide's shell blocks as one script that prints body, status and mark for each request. */
async function scriptFor(db: D1Database): Promise<string> {
  const { port } = server.address() as AddressInfo
  const lines = blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => commandsOf(text))
  const tokens = createTokens({ db, secret: SECRET, now: () => Date.now() })
  const script: string[] = []
  for (const line of lines) {
    const [, variable, name, role] = TOKEN.exec(line) ?? []
    if (name) {
      const id = newId()
      await db.prepare("INSERT INTO _users (id, created_at, updated_at, name) VALUES (?, 1, 1, ?)").bind(id, name).run()
      const token = await tokens.sign({ subject: id, roles: role ? [role] : [], lifetimeSeconds: 600 })
      people[name] = { id, header: `Bearer ${token}` }
      script.push(`${variable}="Authorization: ${people[name].header}"`)
    } else if (REQUEST.test(line)) {
      script.push(line.replace("curl ", `curl -s -w '\\n%{http_code}\\n${MARK}\\n' `).replace(/ # \d{3}$/, ""))
    } else if (/^\w+=/.test(line)) script.push(line.replace("localhost:8787", `localhost:${port}`))
  }
  return script.join("\n")
}

async function run(script: string): Promise<Answered[]> {
  const { stdout } = await promisify(execFile)("bash", ["-c", script])
  const outputs = stdout.split(`\n${MARK}\n`)
  const requests = blocks
    .filter(({ language }) => language === "sh")
    .flatMap(({ text }) => commandsOf(text))
    .filter((line) => REQUEST.test(line))
  return requests.map((command, i) => {
    const [, body, status] = /^(.*)\n(\d{3})$/s.exec(outputs[i] ?? "") ?? []
    return { command, wanted: Number(REQUEST.exec(command)![1]), status: Number(status), body: body ?? "" }
  })
}

/** One string a command, continued lines included. */
function commandsOf(text: string): string[] {
  return text
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter(Boolean)
}
