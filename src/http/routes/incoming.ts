/** `POST` to the paths of the application's incoming webhooks, where a signature stands in for signing in. */

import type { Hono } from "hono"
import * as z from "zod"
import { anyone } from "../../access/rules.ts"
import { SelvedgeError } from "../../core/problem.ts"
import { createDispatcher } from "../../jobs/dispatch.ts"
import type { IncomingScheme, IncomingWebhook, StoredMessage } from "../../webhooks/incoming.ts"
import { storeMessage } from "../../webhooks/incoming-store.ts"
import { readText } from "../body.ts"
import type { AppEnv } from "../context.ts"
import { endpoint } from "../endpoint.ts"
import { type FrameOptions, laterOf } from "../middleware/frame.ts"

const MOST_MESSAGE_BYTES = 256 * 1024

/** What carries the signature. */
const HEADERS: Readonly<Record<IncomingScheme, string>> = {
  standard: "Standard Webhooks, in `webhook-id`, `webhook-timestamp` and `webhook-signature`",
  stripe: "`Stripe-Signature`",
}

export interface IncomingOptions extends Pick<FrameOptions, "dispatch" | "now" | "log"> {
  readonly incoming: readonly IncomingWebhook[]
  /** What the environment says under a name that the application chose. */
  readonly variable: (name: string) => string | undefined
}

/** They stand before the look at who calls: a sender may use `Authorization` for its own purposes. */
export function incomingRoutes(app: Hono<AppEnv>, options: IncomingOptions): void {
  const { dispatch, now } = options
  for (const webhook of options.incoming) {
    app.post(webhook.path, documented(webhook), async (c) => {
      const text = await readText(c.req.raw, ["application/json"], MOST_MESSAGE_BYTES)
      const message = await verify(webhook, c.req.raw.headers, text, options)
      const { db, requestId } = c.get("state")
      const job = await storeMessage(webhook, message, { db, now: now(), traceId: requestId })
      if (job) createDispatcher({ ...dispatch, now, later: laterOf(c.executionCtx, options) }).committed(job)
      return c.json({ received: true })
    })
  }
}

function documented({ scheme, input }: IncomingWebhook) {
  return endpoint({
    summary: "Take a message of another service",
    description: `JSON of at most ${MOST_MESSAGE_BYTES / 1024} KiB, signed: ${HEADERS[scheme]}. A repeat does nothing.`,
    access: anyone,
    ownBody: input,
    answer: { status: 200, description: "It is stored.", schema: z.object({ received: z.literal(true) }) },
  })
}

/** @throws Error that tells the operator of a secret that is missing or malformed; the sender comes again. */
async function verify(
  { path, scheme, secret }: IncomingWebhook,
  headers: Headers,
  text: string,
  { variable, now }: IncomingOptions,
): Promise<StoredMessage> {
  const secrets = (variable(secret) ?? "").split(/\s+/).filter(Boolean)
  if (secrets.length === 0) throw new Error(`webhook ${path}: the variable ${secret} is missing`)
  const { verifyMessage } = await import("../../webhooks/incoming-signature.ts")
  let message: StoredMessage | undefined
  try {
    message = verifyMessage(scheme, secrets, headers, text, now())
  } catch (cause) {
    throw new Error(`webhook ${path}: the variable ${secret} is no secret`, { cause })
  }
  if (!message) throw new SelvedgeError("invalid_credentials", "The signature is wrong, missing, or too old.")
  return message
}
