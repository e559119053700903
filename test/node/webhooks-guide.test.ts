/** The guide to webhooks, made real: its receiver and sender as processes, and its requests from top to bottom. */

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { filesOf, readGuide, Shell, stepsOf, take } from "./jobs-guide-fixture.ts"

/** Inside the project, so that `selvedge` and `standardwebhooks` are found by their names. */
const FOLDER = join(import.meta.dirname, ".webhooks-guide-tmp")
const LONGEST_STEP_MS = 40_000
const COLLECTIONS = `import { anyone, collection, owner, signedIn } from "selvedge"
import * as tables from "./schema.ts"

export const collections = {
  films: collection(tables.films, { access: { read: anyone }, sorts: ["title"] }),
  orders: collection(tables.orders, { access: { read: owner("userId") } }),
  reviews: collection(tables.reviews, {
    access: { read: anyone, create: signedIn },
    stamp: { authorId: (caller) => caller.id },
  }),
}
`
const BACKEND = `import { defineBackend } from "selvedge"
import { collections } from "./collections.ts"
import * as jobs from "./jobs.ts"
import * as tables from "./schema.ts"

export const backend = defineBackend({ tables, collections, jobs, auth: { name: "The film shop" } })
`

const blocks = await readGuide("webhooks.md")
const [, paymentsSecret] = /^PAYMENTS_SECRET=(\S+)$/m.exec(blocks.map(({ text }) => text).join("\n"))!

let state: string
let port: number
let receiverPort: number
let dev: DevServer | undefined
const shell = new Shell()

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-webhooks-guide-"))
  port = await freePort()
  receiverPort = await freePort()
  await writeApplication()
  const variables = ["--var", `PAYMENTS_SECRET:${paymentsSecret}`]
  dev = await startDevAt(port, "--persist-to", state, join(FOLDER, "app/worker.ts"), ...variables)
})

afterAll(async () => {
  await shell.run("kill $RECEIVER")
  shell.close()
  await dev?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

describe("its requests are answered as it says", () => {
  test.each(stepsOf(blocks))(
    "$command",
    ({ command, status, shown }) => take({ command: here(command), status, shown: shown && ported(shown) }, shell),
    LONGEST_STEP_MS,
  )
})

test("its code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

/** The guide's own files, and a small backend around them; schema and Worker are the shop's. */
async function writeApplication(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(join(FOLDER, "app"), { recursive: true })
  for (const name of ["schema.ts", "worker.ts", "env.d.ts"])
    await cp(join(PROJECT_ROOT, "app", name), join(FOLDER, "app", name))
  await writeFile(join(FOLDER, "app/collections.ts"), COLLECTIONS)
  await writeFile(join(FOLDER, "app/backend.ts"), BACKEND)
  for (const [path, text] of filesOf(blocks, "ts")) await writeFile(join(FOLDER, path), text)
  for (const [path, text] of filesOf(blocks, "js")) await writeFile(join(FOLDER, path), ported(text))
}

/** The command for this test's own server and files. */
function here(command: string): string {
  return ported(command)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
    .replace(/(?<=^node )(?=\S+\.mjs)/, `${FOLDER}/`)
}

function ported(text: string): string {
  return text
    .replaceAll("localhost:8787", `localhost:${port}`)
    .replaceAll(/localhost:8791|(?<=listen\()8791/g, (found) => found.replace("8791", String(receiverPort)))
}
