/** The shop with webhooks, an admin, and receivers that answer as a test tells them to. */

import { env } from "cloudflare:workers"
import { backend } from "../../app/backend.ts"
import type { Backend } from "../../src/index.ts"
import { collectDeclarations } from "../../src/jobs/declarations.ts"
import { newId } from "../../src/tables.ts"
import {
  type Call,
  type Client,
  createScenario,
  type Outside,
  type Scenario,
  type TestUser,
} from "../fixture/scenario.ts"

export const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS

/** A call as a receiver got it. */
export interface Received {
  readonly url: string
  readonly headers: Headers
  readonly body: string
  readonly init: RequestInit
}

export interface WebhookScenario extends Scenario {
  readonly admin: Client
  readonly adminId: string
  readonly service: Client
  /** Oldest first. */
  readonly received: Received[]
  /** What receivers answer from now on; 200 unless told. */
  answer(with_: (call: Received) => Response | Promise<Response>): void
  readonly now: () => number
  advance(ms: number): void
  /** Lets everything run that is due, the clock as well. */
  run(): Promise<void>
  // biome-ignore lint/suspicious/noExplicitAny: webhooks and deliveries are looked into freely
  register(input?: Record<string, unknown>): Promise<any>
  // biome-ignore lint/suspicious/noExplicitAny: see above
  deliveries(webhookId: string): Promise<any[]>
  /** @returns Its id. */
  newFilm(values?: Record<string, unknown>): Promise<string>
}

export async function createWebhookScenario(parts: Partial<Backend> = {}): Promise<WebhookScenario> {
  let at = Date.now()
  let respond: (call: Received) => Response | Promise<Response> = () => new Response("ok")
  const received: Received[] = []
  const fetch: NonNullable<Outside["fetch"]> = async (url, init) => {
    const call = { url: String(url), headers: new Headers(init.headers), body: init.body as string, init }
    received.push(call)
    return respond(call)
  }
  const now = () => at
  const whole = { ...backend, jobs: collectDeclarations([]), incoming: [], ...parts } as Backend
  const scenario = createScenario(whole, env.DB, now, { fetch })
  await env.DB.exec("DELETE FROM _webhooks; DELETE FROM _jobs; DELETE FROM _changes; DELETE FROM _sinks")
  const adminId = newId()
  await env.DB.prepare(
    "INSERT INTO _users (id, email, roles, created_at, updated_at) VALUES (?1, ?2, '[\"admin\"]', ?3, ?3)",
  )
    .bind(adminId, `${adminId}@people.example`, at)
    .run()
  const admin = fresh(scenario, { id: adminId, roles: ["admin"], session: true })
  const service = fresh(scenario, "service")
  return {
    ...scenario,
    admin,
    adminId,
    service,
    received,
    answer: (with_) => {
      respond = with_
    },
    now,
    advance: (ms) => {
      at += ms
    },
    async run() {
      await scenario.settled()
      await scenario.work.tick()
      await scenario.settled()
    },
    async register(input = {}) {
      const { status, text, body } = await service.post("/v1/admin/webhooks", {
        body: { url: "https://hooks.example/in", events: ["films.created"], ...input },
      })
      if (status !== 201) throw new Error(text)
      return body
    },
    async deliveries(webhookId) {
      const { body } = await service.get(`/v1/admin/deliveries?webhookId=${webhookId}&limit=100`)
      return body.data.reverse()
    },
    async newFilm(values = {}) {
      const { body } = await service.post("/v1/films", {
        body: { title: "Alien", priceCents: 999, stock: 9, ...values },
      })
      return body.id
    },
  }
}

/** Days pass in these tests: each call has a token of its own. */
function fresh(scenario: Scenario, caller: TestUser | "service"): Client {
  const method = (name: keyof Client) => async (path: string, call?: Call) =>
    (await scenario.as(caller))[name](path, call)
  return {
    get: method("get"),
    post: method("post"),
    put: method("put"),
    patch: method("patch"),
    delete: method("delete"),
    head: method("head"),
  }
}
