/** Webhooks of the shop on this machine, and a receiver in a process of its own that verifies, hangs, resets and floods. */

import { type ChildProcess, execFile, fork } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type DevServer, freePort, startDev } from "./dev-fixture.ts"
import type { Call, Cut } from "./webhook-receiver.ts"

const PATHS = ["/ok", "/hang", "/reset", "/broken", "/away", "/huge", "/drip"]
/** More than calls of one webhook run at a time. */
const FILMS = 8
const LONGEST_CALL_MS = 15_000
const PATIENCE_MS = 40_000

const calls: Call[] = []
const cuts: Cut[] = []
const secrets: Record<string, string> = {}
const webhookIds: Record<string, string> = {}
let state: string
let dev: DevServer
let token: string
let receiverPort: number
let receiver: ChildProcess

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-webhooks-"))
  dev = await startDev("--persist-to", state)
  const run = promisify(execFile)
  const args = ["scripts/token.ts", "--service", "--persist-to", state]
  token = (await run(process.execPath, args, { cwd: PROJECT_ROOT })).stdout.trim()
  receiverPort = await freePort()
  for (const path of PATHS) {
    const url = `http://127.0.0.1:${receiverPort}${path}`
    const webhook = await request("POST", "/v1/admin/webhooks", { url, events: ["films.created"] })
    secrets[path] = webhook.secret
    webhookIds[path] = webhook.id
  }
  receiver = await startReceiver()
})

afterAll(async () => {
  receiver?.kill("SIGKILL")
  await dev?.stop()
  if (state) await rm(state, { recursive: true, force: true })
})

test("every call verifies, and no receiver that misbehaves keeps another waiting", async () => {
  const since = Date.now()
  const ids: string[] = []
  for (let film = 0; film < FILMS; film++) ids.push(await newFilm(`Film ${film}`))
  await until(() => callsOf("/ok").length === FILMS)
  expect(Date.now() - since).toBeLessThan(LONGEST_CALL_MS)
  expect(await attemptsOf("/hang")).toEqual([])
  const told = callsOf("/ok").map(({ message }) => message)
  expect(told.map((message) => message!.data.id).sort()).toEqual([...ids].sort())
  expect(told[0]).toMatchObject({ type: "films.created", data: { priceCents: 999 } })
  const { headers } = callsOf("/ok")[0]!
  expect(headers.filter((name) => /authorization|cookie|session|token/.test(name))).toEqual([])
})

test("a receiver that hangs, resets, fails, redirects or drips has failed, each with its reason", async () => {
  const ended = async (path: string) => (await attemptsOf(path)).length >= 5
  for (const path of ["/hang", "/reset", "/broken", "/away", "/drip"]) await until(() => ended(path))
  const [hang, reset, broken, away, drip] = await Promise.all(
    ["/hang", "/reset", "/broken", "/away", "/drip"].map(async (path) => (await attemptsOf(path))[0]),
  )
  expect(hang).toMatchObject({ status: null, response: null, error: "it took longer than 15 s" })
  expect(hang.durationMs).toBeLessThan(LONGEST_CALL_MS + 2_000)
  expect(reset).toMatchObject({ status: null, error: expect.any(String) })
  expect(broken).toMatchObject({ status: 500, response: "out of paper" })
  expect(away).toMatchObject({ status: 302 })
  expect(drip).toMatchObject({ status: 200, error: "it took longer than 15 s" })
  expect(callsOf("/private")).toEqual([])
})

test("of an answer of a gigabyte the beginning alone is read", async () => {
  await until(() => cuts.length > 0)
  expect(cuts[0]!.bytes).toBeLessThan(100_000_000)
  const [attempt] = await attemptsOf("/huge")
  expect(attempt).toMatchObject({ status: 200, response: "x".repeat(1024) })
})

test("a receiver that was away gets the call again when it is back", async () => {
  receiver.kill("SIGKILL")
  await once(receiver, "exit")
  calls.length = 0
  const id = await newFilm("The one that was missed")
  await until(async () => (await deliveriesOf("/ok")).length === FILMS + 1)
  const delivery = async () => (await deliveriesOf("/ok"))[0]
  await until(async () => (await delivery()).attempts.length === 1)
  expect(await delivery()).toMatchObject({ state: "pending", attempts: [{ status: null }] })
  receiver = await startReceiver()
  await until(async () => (await delivery()).state === "succeeded")
  const { id: deliveryId, attempts } = await delivery()
  expect(attempts).toMatchObject([{ status: null }, { status: 200, response: "ok" }])
  expect(callsOf("/ok")).toMatchObject([{ id: deliveryId, message: { data: { id } } }])
})

async function startReceiver(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, "webhook-receiver.ts"), [String(receiverPort)])
  child.on("message", ({ call, cut }: { call?: Call; cut?: Cut }) => {
    if (call) calls.push(call)
    if (cut) cuts.push(cut)
  })
  child.send(secrets)
  await once(child, "message")
  return child
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
async function request(method: string, path: string, body?: unknown): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${dev.port}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body !== undefined && { "Content-Type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

async function newFilm(title: string): Promise<string> {
  return (await request("POST", "/v1/films", { title, priceCents: 999, stock: 1 })).id
}

function callsOf(path: string): Call[] {
  return calls.filter((call) => call.path === path)
}

/** Newest first. */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
async function deliveriesOf(path: string): Promise<any[]> {
  return (await request("GET", `/v1/admin/deliveries?webhookId=${webhookIds[path]}&limit=100`)).data
}

async function attemptsOf(path: string) {
  return (await deliveriesOf(path)).flatMap(({ attempts }) => attempts)
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`It never came: ${condition}`)
    await new Promise((done) => setTimeout(done, 100))
  }
}
