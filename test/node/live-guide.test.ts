/** The guide to live queries and channels, made real: its files on a dev server, its client, and its requests in order. */

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { compile } from "./compile-fixture.ts"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { filesOf, readGuide, Shell, stepsOf, take } from "./jobs-guide-fixture.ts"
import { isEndless, Terminal } from "./live-guide-fixture.ts"

/** Inside the project, so that `selvedge` is found by its name. */
const FOLDER = join(import.meta.dirname, ".live-guide-tmp")
const LONGEST_STEP_MS = 60_000
/** The member of the guide says something after 2 seconds. */
const SETTLED_MS = 4_000

const blocks = await readGuide("live.md")
const shown = blocks.filter(({ language }) => language === "text").map(({ text }) => text)

let state: string
let port: number
let dev: DevServer | undefined
const shell = new Shell()
const terminals: Terminal[] = []

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-live-guide-"))
  port = await freePort()
  await writeApplication()
  await start()
})

afterAll(async () => {
  await Promise.all(terminals.map((terminal) => terminal.close()))
  shell.close()
  await dev?.stop()
  await rm(FOLDER, { recursive: true, force: true })
  if (state) await rm(state, { recursive: true, force: true })
})

describe("its requests are answered, and its client prints what it says", () => {
  const [watch, listen, review, ...later] = sections()

  test("a client follows a list and sits in a room", () => run(watch!), LONGEST_STEP_MS)

  test("curl listens to events", () => run(listen!), LONGEST_STEP_MS)

  test(
    "both are told of a review",
    async () => {
      await new Promise((done) => setTimeout(done, SETTLED_MS))
      await run(review!)
      const [ada, curl] = terminals
      await ada!.prints(shown[0]!)
      await curl!.prints(shown[1]!)
    },
    LONGEST_STEP_MS,
  )

  test(
    "the client goes on after the server was started anew",
    async () => {
      await dev!.stop()
      await start()
      for (const section of later) await run(section)
      await terminals[0]!.prints(shown[2]!)
    },
    LONGEST_STEP_MS,
  )
})

test(
  "what the server publishes reaches who has joined, signed in or not",
  async () => {
    const staff = await token("--email", "staff@example.com", "--role", "staff")
    const { openLive, join: joinChannel } = await import(join(FOLDER, "live.js"))
    const sales: unknown[] = []
    const heard = new Promise<void>((resolve) => {
      const live = openLive(`ws://localhost:${port}/v1/live`)
      joinChannel(live, "news", undefined, ({ messages }: { messages: { event: string; data: unknown }[] }) => {
        sales.push(...messages.map(({ event, data }) => [event, data]))
        if (sales.length > 0) resolve()
        else void publish(staff)
      })
    })
    await heard
    expect(sales).toEqual([["sale", { title: "The Weaver", priceCents: 499 }]])
  },
  LONGEST_STEP_MS,
)

test(
  "a client whose token is refused comes back with another",
  async () => {
    const good = await token("--email", "dora@example.com")
    const { follow, openLive } = await import(join(FOLDER, "live.js"))
    const asked: boolean[] = []
    const live = openLive(`ws://localhost:${port}/v1/live`, {
      token: async (wasRefused: boolean) => {
        asked.push(wasRefused)
        return wasRefused ? good : "no token at all"
      },
    })
    const films = await new Promise((resolve) => follow(live, "films", { limit: 2 }, resolve))
    live.close()
    expect([asked, films]).toEqual([
      [false, true],
      [expect.anything(), expect.anything()],
    ])
  },
  LONGEST_STEP_MS,
)

test("its code compiles", () => {
  expect(compile(FOLDER)).toBe("")
})

test("what an older project adds is what the shop has", async () => {
  const [added] = blocks.filter(({ language }) => language === "toml")
  const config = await readFile(join(PROJECT_ROOT, "wrangler.toml"), "utf8")
  for (const part of added!.text.split("\n\n")) expect(config).toContain(part)
})

/** The guide's own files beside the shop's schema. */
async function writeApplication(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(join(FOLDER, "app"), { recursive: true })
  for (const name of ["schema.ts", "env.d.ts"]) await cp(join(PROJECT_ROOT, "app", name), join(FOLDER, "app", name))
  const files = [...filesOf(blocks, "ts"), ...filesOf(blocks, "js")]
  for (const [path, text] of files) await writeFile(join(FOLDER, path), here(text))
}

async function start(): Promise<void> {
  dev = await startDevAt(port, "--persist-to", state, join(FOLDER, "app/worker.ts"))
}

/** The shell blocks, one by one. */
function sections() {
  return blocks.filter(({ language }) => language === "sh").map((block) => stepsOf([block]))
}

/** What has no end gets a terminal of its own. */
async function run(steps: ReturnType<typeof stepsOf>): Promise<void> {
  for (const step of steps) {
    const command = here(step.command)
    if (isEndless(command)) terminals.push(await Terminal.open(shell, command))
    else await take({ ...step, command }, shell)
  }
}

async function token(...flags: string[]): Promise<string> {
  return (await shell.run(`npm run -s token -- --persist-to ${state} ${flags.join(" ")}; echo`)).trim()
}

async function publish(staff: string): Promise<void> {
  const headers = { Authorization: `Bearer ${staff}`, "Content-Type": "application/json" }
  const body = JSON.stringify({ title: "The Weaver", priceCents: 499 })
  const { status } = await fetch(`http://localhost:${port}/v1/sales`, { method: "POST", headers, body })
  expect(status).toBe(202)
}

/** Commands and code for this test's own server. */
function here(text: string): string {
  return text
    .replaceAll("localhost:8787", `localhost:${port}`)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
    .replaceAll("node watch.mjs", `node ${join(FOLDER, "watch.mjs")}`)
}
