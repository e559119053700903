/** A payment gateway for a developer's machine: all is paid at once, but for amounts that end in 13 cents. */

import { Webhook } from "standardwebhooks"
import type { Outcome, PaymentGateway } from "./payments.ts"

const DECLINED_CENTS = 13

/** @param secret Of the shop's webhook, `whsec_…`. */
export function fakeGateway(secret: string, now: () => number): PaymentGateway {
  return {
    async charge({ orderId, amountCents, key, callbackUrl }) {
      const isDeclined = amountCents % 100 === DECLINED_CENTS
      const outcome: Outcome = { type: isDeclined ? "payment.failed" : "payment.succeeded", data: { orderId } }
      const body = JSON.stringify(outcome)
      const at = new Date(now())
      const answer = await fetch(callbackUrl, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          // one charge is one message, however often it is asked for
          "webhook-id": key,
          "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
          "webhook-signature": new Webhook(secret).sign(key, at, body),
        },
        body,
      })
      if (!answer.ok) throw new Error(`the shop answered ${answer.status} to the webhook of its payment`)
    },
  }
}
