/** `npm run dev` as a newcomer meets it: an empty folder, then the same one again. */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { isFree } from "../../scripts/dev/server.ts"
import { type DevServer, runDev, startDev } from "./dev-fixture.ts"

let state: string
let first: DevServer

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-start-"))
  first = await startDev("--persist-to", state)
})

afterAll(async () => {
  await first?.stop()
  await rm(state, { recursive: true })
})

test("the first start makes a database with every film in it", async () => {
  expect(first.output()).toContain("Put 3201 films and 550 directors into the local database")
  const films = await fetch(`http://localhost:${first.port}/v1/films?count=exact&limit=1`)
  expect(await films.json()).toMatchObject({ page: { total: 3201 } })
})

test("it serves the shop's page and the script of the API reference itself", async () => {
  for (const path of ["/", "/shop/catalogue.js", "/vendor/api-reference.js"]) {
    const { status } = await fetch(`http://localhost:${first.port}${path}`)
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
  const again = await startDev("--persist-to", state)
  expect(again.output()).not.toContain("Put 3201 films")
  expect(again.output()).not.toContain("Applying new migrations")
  expect(await again.stop()).toBe(0)
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
