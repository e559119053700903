/** Secrets of webhooks, and signing with them (Standard Webhooks). They are stored encrypted. */

import { Webhook } from "standardwebhooks"
import type { Secrets } from "../auth/secrets.ts"

const PREFIX = "whsec_"
/** 24 to 64, says the standard. */
const SECRET_BYTES = 32
/** After a rotation the old secret signs as well, for so long. */
export const OVERLAP_MS = 24 * 3_600_000

/** `whsec_` and 256 random bits. */
export function newWebhookSecret(): string {
  return PREFIX + btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))))
}

/** @returns What only this webhook's secret can be read from. */
export function sealWebhookSecret({ current }: Secrets, webhookId: string, secret: string): Promise<string> {
  return current.encrypt("webhook secret", webhookId, secret)
}

export interface OpenedSecret {
  readonly secret: string
  /** The same under the Worker's newest secret, where it was sealed under the one before. */
  readonly resealed: string | undefined
}

/** @throws Error when the Worker's secret has changed since, and the one before isn't known. */
export async function openWebhookSecret(secrets: Secrets, webhookId: string, sealed: string): Promise<OpenedSecret> {
  for (const key of secrets.all) {
    const secret = await key.decrypt("webhook secret", webhookId, sealed)
    if (secret === undefined) continue
    const isNewest = key === secrets.current
    return { secret, resealed: isNewest ? undefined : await sealWebhookSecret(secrets, webhookId, secret) }
  }
  throw new Error("its secret can't be read, for the Worker's own has changed: rotate it")
}

/** The headers of one attempt; a signature for each secret. */
export function signedHeaders(
  secrets: readonly string[],
  id: string,
  at: number,
  body: string,
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, new Date(at), body)).join(" "),
  }
}
