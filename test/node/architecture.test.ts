/** The rules of the layout, so that they and the code can't drift apart. */

import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { expect, test } from "vitest"

const SRC = resolve(import.meta.dirname, "../../src")
const MOST_LINES = 400

/** Imports point to a lower rank, or stay inside the folder. */
const RANK: Record<string, number> = {
  core: 0,
  protocol: 1,
  schema: 1,
  db: 1,
  mail: 2,
  access: 3,
  changes: 3,
  auth: 3,
  query: 4,
  limits: 4,
  cache: 4,
  live: 7,
  records: 5,
  jobs: 6,
  webhooks: 7,
  http: 8,
  client: 8,
  worker: 10,
}
/** What an application declares its backend with; the Worker is made of that. */
const EXPORTS_RANK = 9
const WORKER_RANK = 11

/** The one folder that may import a library; Drizzle's builder is shared by three. */
const HOMES: Record<string, readonly string[]> = {
  hono: ["http", "client", "worker", ""],
  jose: ["auth"],
  oauth4webapi: ["auth"],
  otpauth: ["auth"],
  "@phi-ag/argon2": ["auth"],
  "@simplewebauthn/server": ["auth"],
  uuid: ["schema", "auth"],
  croner: ["jobs"],
  standardwebhooks: ["webhooks"],
  zod: ["access", "schema", "jobs", "webhooks", "live", "http", ""],
  "drizzle-orm": ["schema", "db", "access", "auth", "query", "records", "jobs", "http", "client", ""],
}

interface Import {
  from: string
  to: string
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const code = files.filter((file) => !/\.(test|fixture)\.ts$/.test(file))
const imports = code.flatMap((from): Import[] =>
  [...readFileSync(join(SRC, from), "utf8").matchAll(/(?:from|import) "([^"]+)"|import\("([^"]+)"\)/g)].map(
    (match) => ({ from, to: (match[1] ?? match[2])! }),
  ),
)
const own = imports
  .filter(({ to }) => to.startsWith("."))
  .map(({ from, to }) => ({ from, to: relative(SRC, resolve(SRC, dirname(from), to)) }))

test("imports point down in rank, and equal ranks don't meet", () => {
  const wrong = own.filter(({ from, to }) => folder(from) !== folder(to) && rank(to) >= rank(from))
  expect(wrong).toEqual([])
})

test("there is no cycle, type-only imports included", () => {
  const targets = new Map(code.map((file) => [file, own.filter(({ from }) => from === file).map(({ to }) => to)]))
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) throw new Error([...path.slice(path.indexOf(file)), file].join(" → "))
    if (done.has(file)) return
    for (const target of targets.get(file) ?? []) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of code) visit(file, [])
})

test("each library has one home", () => {
  const wrong = imports.filter(({ from, to }) => {
    const library = Object.keys(HOMES).find((name) => to === name || to.startsWith(`${name}/`))
    return library !== undefined && !HOMES[library]!.includes(folder(from))
  })
  expect(wrong).toEqual([])
})

test("no folder hides its files behind an index", () => {
  expect(files.filter((file) => /\/index\.ts$/.test(file))).toEqual([])
})

test("the environment is read where it enters only", () => {
  const wrong = code.filter(
    (file) => /\benv\.[A-Z]|process\.env/.test(readFileSync(join(SRC, file), "utf8")) && folder(file) !== "worker",
  )
  expect(wrong).toEqual([])
})

test("no file is too long", () => {
  expect(files.filter((file) => readFileSync(join(SRC, file), "utf8").split("\n").length > MOST_LINES)).toEqual([])
})

function folder(file: string): string {
  const name = dirname(file)
  return name === "." ? "" : name.split("/")[0]!
}

function rank(file: string): number {
  if (file === "worker.ts") return WORKER_RANK
  return folder(file) === "" ? EXPORTS_RANK : (RANK[folder(file)] ?? Number.NaN)
}
