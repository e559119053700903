/** `npm run dev` as a newcomer meets it: an empty folder, then the same one again. */

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { isFree } from "../../scripts/dev/server.ts"

const ROOT = join(import.meta.dirname, "../..")
const READY = "Stop            Ctrl-C"

interface Start {
  child: ChildProcess
  url: string
  port: number
  output: () => string
}

let state: string
let first: Start

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-start-"))
  first = await start("--persist-to", state)
})

afterAll(async () => {
  await stop(first)
  await rm(state, { recursive: true })
})

test("the first start makes a database with every film in it", async () => {
  expect(first.output()).toContain("Put 3201 films and 550 directors into the local database")
  const films = await fetch(`${first.url}/v1/films?count=exact&limit=1`)
  expect(await films.json()).toMatchObject({ page: { total: 3201 } })
})

test("it serves the shop's page and the script of the API reference itself", async () => {
  for (const path of ["/", "/shop.js", "/docs-assets/standalone.js"]) {
    const { status } = await fetch(`${first.url}${path}`)
    expect([path, status]).toEqual([path, 200])
  }
})

test("a port in use is said before anything is done", async () => {
  const run = await runDev("--port", String(first.port))
  expect(run.code).toBe(1)
  expect(run.output).toBe(
    `Port ${first.port} is in use. Stop what runs there, or take another: npm run dev -- --port ${first.port + 1}\n`,
  )
})

test("started again it keeps its data, and asked to end it leaves nothing that listens", async () => {
  const again = await start("--persist-to", state)
  expect(again.output()).not.toContain("Put 3201 films")
  expect(again.output()).not.toContain("Applying new migrations")
  expect(await stop(again)).toBe(0)
  expect(await isFree(again.port)).toBe(true)
})

test("--help explains the flags, and a bad flag explains itself", async () => {
  expect(await runDev("--help")).toMatchObject({ code: 0, output: expect.stringContaining("--persist-to DIR") })
  expect(await runDev("--port", "http")).toMatchObject({
    code: 1,
    output: expect.stringContaining("--port must be a number up to 65535"),
  })
  expect(await runDev("--persist-to")).toMatchObject({
    code: 1,
    output: expect.stringContaining("--persist-to must name a folder"),
  })
})

async function start(...flags: string[]): Promise<Start> {
  const port = await freePort()
  const child = spawnDev(["--port", String(port), ...flags])
  const output = collect(child)
  const exited = once(child, "exit")
  while (!output().includes(READY)) {
    const ended = await Promise.race([exited, new Promise((done) => setTimeout(done, 50))])
    if (ended) throw new Error(output())
  }
  return { child, url: `http://localhost:${port}`, port, output }
}

async function stop({ child }: Start): Promise<number | null> {
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  const [code] = (await exited) as [number | null]
  return code
}

async function runDev(...flags: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawnDev(flags)
  const output = collect(child)
  const [code] = (await once(child, "close")) as [number | null]
  return { code, output: output() }
}

function spawnDev(flags: string[]): ChildProcess {
  return spawn(process.execPath, ["scripts/dev.ts", ...flags], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] })
}

function collect(child: ChildProcess): () => string {
  let output = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
  }
  return () => output
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as { port: number }
  server.close()
  return port
}
