/** The guide to caching, made real: its collections on a dev server, its requests from top to bottom. */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { filesOf, readGuide, Shell, stepsOf, take } from "./jobs-guide-fixture.ts"

/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".caching-guide-tmp")
const LONGEST_STEP_MS = 40_000
const BACKEND = `import { defineBackend } from "selvedge"
import { collections } from "./collections.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({ tables, collections, auth: { name: "The film shop" } })
`

const blocks = await readGuide("caching.md")
let state: string
let port: number
let dev: DevServer | undefined
const shell = new Shell()

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-caching-guide-"))
  port = await freePort()
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(join(FOLDER, "app"), { recursive: true })
  for (const name of ["schema.ts", "worker.ts", "env.d.ts"])
    await cp(join(PROJECT_ROOT, "app", name), join(FOLDER, "app", name))
  await writeFile(join(FOLDER, "app/backend.ts"), BACKEND)
  for (const [path, text] of filesOf(blocks, "ts")) await writeFile(join(FOLDER, path), text)
  dev = await startDevAt(port, "--persist-to", state, join(FOLDER, "app/worker.ts"))
})

afterAll(async () => {
  shell.close()
  await dev?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

describe("its requests are answered as it says", () => {
  test.each(stepsOf(blocks))(
    "$command",
    ({ command, status, shown }) => take({ command: here(command), status, shown }, shell),
    LONGEST_STEP_MS,
  )
})

test("a list that is asked for again has the headers that it shows", async () => {
  const shown = blocks.find(({ language }) => language === "http")!.text.split("\n")
  const url = `http://localhost:${port}/v1/films?sort=title&limit=7`
  await (await fetch(url)).text()
  const { headers } = await fetch(url)
  for (const line of shown) {
    const [, name, value] = /^([\w-]+): (.*)$/.exec(line)!
    const [start = "", end = ""] = value!.split("…")
    expect(headers.get(name!), name).toMatch(new RegExp(`^${start}${value!.includes("…") ? "\\d+" : ""}${end}$`))
  }
})

test("what is expanded by what only some may see is private", async () => {
  const { headers } = await fetch(`http://localhost:${port}/v1/films?expand=reviews`)
  expect([headers.get("Cache-Control"), headers.get("Cache-Status")]).toEqual(["private, no-store", null])
})

test("its code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

/** The command for this test's own server. */
function here(command: string): string {
  return command
    .replaceAll("localhost:8787", `localhost:${port}`)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
}
