/** The shop with its own jobs and a clock that the test moves; what it sends into the world comes back to it. */

import { vi } from "vitest"
import * as declared from "../../app/jobs.ts"
import { newId } from "../../src/tables.ts"
import type { Answer, Client } from "../fixture/scenario.ts"
import { createJobScenario, type JobScenario } from "../jobs/scenario.ts"
import { standardHeaders } from "../webhooks/incoming-scenario.ts"

export const CALLBACK = "/v1/payments/webhook"
const SECRET = `whsec_${btoa("a secret of the payment gateway")}`

export interface ShopScenario extends JobScenario {
  /** Of the environment; a test may change them. */
  readonly variables: Record<string, string>
  /** Posts that the gateway made, oldest first. */
  readonly callbacks: { id: string; body: string; headers: Record<string, string> }[]
  /** What the gateway hears, in place of the shop's answer, once for each. */
  readonly losses: ("lost" | "answer lost")[]
  /** A caller whose account has an address, unless told otherwise. */
  buyer(email?: string | null): Promise<Client & { id: string; email: string | null }>
  film(priceCents: number, stock: number): Promise<string>
  stockOf(filmId: string): Promise<number>
  /** Buys so many of a film. */
  checkout(buyer: Client, filmId: string, quantity?: number, key?: string): Promise<Answer>
  orderState(orderId: string): Promise<string>
  callback(type: string, orderId: string, id?: string): Promise<Answer>
  /** What a user got, or the staff, oldest first. */
  mails(to: string): Promise<{ subject: string; purpose: string; text: string; html: string }[]>
}

export function createShopScenario(): ShopScenario {
  const variables: ShopScenario["variables"] = {
    SELVEDGE_LOCAL: "true",
    PAYMENTS_WEBHOOK_SECRET: SECRET,
    STAFF_MAIL: "staff@shop.example",
  }
  const scenario = createJobScenario(Object.values(declared), {}, { variables })
  // the clock may move past the end of a token
  const service = () => scenario.as("service")
  const callbacks: ShopScenario["callbacks"] = []
  const losses: ShopScenario["losses"] = []
  vi.stubGlobal("fetch", async (url: string, { headers, body }: { headers: Record<string, string>; body: string }) => {
    callbacks.push({ id: headers["webhook-id"]!, body, headers })
    const loss = losses.shift()
    if (loss === "lost") throw new TypeError("the network is down")
    const { status, text } = await scenario.send("POST", new URL(url).pathname, { headers, body })
    if (loss === "answer lost") throw new TypeError("the connection was reset")
    return new Response(text, { status })
  })
  return {
    ...scenario,
    variables,
    callbacks,
    losses,
    async buyer(email = `${crypto.randomUUID()}@example.com`) {
      const id = newId()
      await scenario.d1
        .prepare(
          "INSERT INTO _users (id, created_at, updated_at, email, is_anonymous) VALUES (?1, 1, 1, ?2, ?2 IS NULL)",
        )
        .bind(id, email)
        .run()
      return { ...(await scenario.as({ id, session: true })), id, email }
    },
    async film(priceCents, stock) {
      const body = { title: "Vertigo <1958>", priceCents, stock }
      return (await (await service()).post("/v1/films", { body })).body.id
    },
    stockOf: async (filmId) => (await (await service()).get(`/v1/films/${filmId}`)).body.stock,
    async checkout(buyer, filmId, quantity = 1, key = crypto.randomUUID()) {
      await buyer.post("/v1/cart", { body: { filmId, quantity } })
      return buyer.post("/v1/checkout", { body: {}, headers: { "Idempotency-Key": key } })
    },
    orderState: async (orderId) => (await (await service()).get(`/v1/orders/${orderId}`)).body.state,
    callback(type, orderId, id = crypto.randomUUID()) {
      const body = JSON.stringify({ type, data: { orderId } })
      const headers = standardHeaders(body, { id, at: scenario.now(), secret: SECRET })
      return scenario.send("POST", CALLBACK, { body, headers })
    },
    async mails(to) {
      const admin = await service()
      const { data } = (await admin.get(`/v1/admin/mails?to=${encodeURIComponent(to)}&limit=100`)).body
      const ids = data.map((mail: { id: string }) => mail.id).reverse()
      return Promise.all(ids.map(async (id: string) => (await admin.get(`/v1/admin/mails/${id}`)).body))
    },
  }
}
