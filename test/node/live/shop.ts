/** The shop as the bundle that a deploy uploads, with films in it and people who are signed in. */

import { randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createTestHarness, type WorkerHandle } from "wrangler"
import type { Message } from "../../live/client.ts"
import { writeWorker } from "../passkeys-fixture.ts"

export interface Person {
  readonly id: string
  readonly token: string
  /** @returns The body. @throws Error for an answer that isn't 2xx. */
  call(method: string, path: string, body?: object): Promise<Message>
}

export interface Shop {
  /** Ends in a slash. */
  readonly url: string
  readonly worker: WorkerHandle
  /** @returns The film's id. */
  film(title: string, stock?: number): Promise<string>
  signIn(): Promise<Person>
  /** All objects of a class. */
  evict(className: "Hub" | "Topic", webSockets: "hibernate" | "close"): Promise<void>
  close(): Promise<void>
}

/** @param site An origin whose pages may use it. */
export async function startShop(site: string): Promise<Shop> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-live-"))
  const configPath = await writeWorker(folder, site)
  const secrets = { SELVEDGE_SECRET: "a secret for tests, with more than 32 characters" }
  const server = createTestHarness({ root: folder, workers: [{ configPath, secrets }] })
  const { port } = (await server.listen()).url
  const url = `http://localhost:${port}/`
  const worker = server.getWorker()
  await worker.applyD1Migrations("DB")
  const { DB } = (await worker.getEnv()) as { DB: D1Database }
  return {
    url,
    worker,
    async film(title, stock = 10) {
      const id = randomUUID()
      const insert = `INSERT INTO films (id, created_at, updated_at, version, title, price_cents, stock)
        VALUES (?, 1, 1, 1, ?, 999, ?)`
      await DB.prepare(insert).bind(id, title, stock).run()
      return id
    },
    async signIn() {
      const { accessToken: token, user } = await call(url, undefined, "POST", "v1/auth/anonymous")
      return { id: user.id, token, call: (...args) => call(url, token, ...args) }
    },
    async evict(className, webSockets) {
      for (const id of await worker.listDurableObjectIds(className))
        await worker.evictDurableObject(className, { id, webSockets })
    },
    async close() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function call(url: string, token: string | undefined, method: string, path: string, body?: object) {
  const headers = {
    "Idempotency-Key": randomUUID(),
    ...(body && { "Content-Type": "application/json" }),
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
  }
  const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} /${path}: ${response.status} ${text}`)
  return (text === "" ? {} : JSON.parse(text)) as Message
}
