/** A backend with one webhook that comes in, and senders that sign for it. */

import { env } from "cloudflare:workers"
import { createHmac } from "node:crypto"
import { Webhook } from "standardwebhooks"
import { type IncomingMessage, type IncomingWebhook, type WebhookOptions, webhook } from "../../src/index.ts"
import { collectIncoming } from "../../src/webhooks/incoming.ts"
import type { Answer, Call } from "../fixture/scenario.ts"
import { createJobScenario, type JobScenario, START } from "../jobs/scenario.ts"

export const PATH = "/v1/partner/webhook"
export const NAME = "webhook:partner.webhook"
export const SECRET = `whsec_${btoa("a secret of the partner's webhook")}`
export const BODY = JSON.stringify({ type: "thing.done", data: { n: 1 } })

export interface IncomingScenario extends JobScenario {
  /** What ran, oldest first. */
  readonly ran: IncomingMessage[]
  post(body: string | Uint8Array, headers: Record<string, string>): Promise<Answer>
  receivedIds(): Promise<string[]>
}

export function createIncomingScenario(
  options: Partial<WebhookOptions> = {},
  variables: Record<string, string> = { PARTNER_SECRET: SECRET },
): IncomingScenario {
  const ran: IncomingMessage[] = []
  const partner: IncomingWebhook = webhook({
    path: PATH,
    secret: "PARTNER_SECRET",
    scheme: "standard",
    run: (message) => {
      ran.push(message)
    },
    ...options,
  })
  const scenario = createJobScenario([partner], { incoming: collectIncoming([partner]) }, { variables })
  return {
    ...scenario,
    ran,
    post: (body, headers) => {
      const call: Call = { body, headers }
      return scenario.send("POST", PATH, call)
    },
    async receivedIds() {
      const { results } = await scenario.d1.prepare("SELECT message_id FROM _received ORDER BY at, message_id").all()
      return results.map((row) => row.message_id as string)
    },
  }
}

export async function forgetMessages(): Promise<void> {
  await env.DB.batch(["_received", "_jobs"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)))
}

export interface Signing {
  id?: string
  /** Milliseconds since 1970. */
  at?: number
  secret?: string
}

/** As the partner's own library signs. */
export function standardHeaders(
  body: string,
  { id = crypto.randomUUID(), at = START, secret = SECRET }: Signing = {},
): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at / 1_000)),
    "webhook-signature": new Webhook(secret).sign(id, new Date(at), body),
  }
}

export function stripeHeaders(body: string, { at = START, secret = SECRET }: Signing = {}): Record<string, string> {
  const time = Math.floor(at / 1_000)
  return { "Stripe-Signature": `t=${time},v1=${stripeSignature(body, time, secret)},v0=00` }
}

export function stripeSignature(body: string, time: number, secret = SECRET): string {
  return createHmac("sha256", secret).update(`${time}.${body}`).digest("hex")
}
