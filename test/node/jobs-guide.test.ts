/** The guide to jobs, made real: its files beside the shop's schema, its bank, and its requests from top to bottom. */

import { type ChildProcess, spawn } from "node:child_process"
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDev } from "./dev-fixture.ts"
import { filesOf, readGuide, Shell, stepsOf, take } from "./jobs-guide-fixture.ts"

/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".jobs-guide-tmp")
const LONGEST_STEP_MS = 40_000

const blocks = await readGuide("jobs.md")

let state: string
let bank: ChildProcess | undefined
let dev: DevServer | undefined
const shell = new Shell()

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-jobs-guide-"))
  const bankPort = await freePort()
  await writeApplication(bankPort)
  bank = spawn(process.execPath, [join(FOLDER, "bank.mjs")], { stdio: "inherit" })
  const variables = ["--var", `BANK_URL:http://localhost:${bankPort}`]
  dev = await startDev("--persist-to", state, join(FOLDER, "app/worker.ts"), ...variables)
})

afterAll(async () => {
  shell.close()
  bank?.kill()
  await dev?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

describe("its requests are answered as it says", () => {
  test.each(stepsOf(blocks))(
    "$command",
    (step) => take({ ...step, command: here(step.command) }, shell),
    LONGEST_STEP_MS,
  )
})

test("its code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

test("what an older project adds is what the shop has", async () => {
  const [shown] = blocks.filter(({ language }) => language === "toml")
  const config = await readFile(join(PROJECT_ROOT, "wrangler.toml"), "utf8")
  const tables = config.replaceAll(/^#.*\n/gm, "")
  for (const part of shown!.text.split("\n\n")) expect(tables).toContain(part)
})

/** The guide's own files; schema and Worker are the shop's. */
async function writeApplication(bankPort: number): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(join(FOLDER, "app"), { recursive: true })
  for (const name of ["schema.ts", "worker.ts", "env.d.ts"])
    await cp(join(PROJECT_ROOT, "app", name), join(FOLDER, "app", name))
  for (const [path, text] of filesOf(blocks, "ts")) await writeFile(join(FOLDER, path), text)
  const [js] = filesOf(blocks, "js").values()
  await writeFile(join(FOLDER, "bank.mjs"), js!.replace("8790", String(bankPort)))
}

/** The command for this test's own server. */
function here(command: string): string {
  return command
    .replaceAll("localhost:8787", `localhost:${dev?.port}`)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
}
