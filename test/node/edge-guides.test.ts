/** The guides to caching and to limits, made real: their files on one dev server, their requests from top to bottom. */

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
const blocks = await readGuide("caching.md")
const limits = await readGuide("limits.md")
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
  for (const [path, text] of filesOf([...blocks, ...limits], "ts")) await writeFile(join(FOLDER, path), text)
  dev = await startDevAt(port, "--persist-to", state, join(FOLDER, "app/worker.ts"))
})

afterAll(async () => {
  shell.close()
  await dev?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

describe("their requests are answered as they say", () => {
  test.each(stepsOf([...blocks, ...limits]))(
    "$command",
    ({ command, status, shown }) => take({ command: here(command), status, shown }, shell),
    LONGEST_STEP_MS,
  )
})

test("an answer says what is left, as the guide shows", async () => {
  const { headers } = await fetch(`http://localhost:${port}/v1/films?sort=title&limit=3`)
  const [policy, left] = limits.find(({ language }) => language === "http")!.text.split("\n")
  expect(`RateLimit-Policy: ${headers.get("RateLimit-Policy")}`).toBe(policy)
  expect(`RateLimit: ${headers.get("RateLimit")}`.replace(/r=\d+/, "r=599")).toBe(left)
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

test("their code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

/** The command for this test's own server. */
function here(command: string): string {
  return command
    .replaceAll("localhost:8787", `localhost:${port}`)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
}
