/** Which way mail goes, by what the Worker was given. */

import type { Clock } from "../core/clock.ts"
import { createCatcher } from "./catcher.ts"
import { createCloudflareMail, type EmailBinding } from "./cloudflare.ts"
import { MailError, type MailTransport, type Sender } from "./mail.ts"
import { createResendMail } from "./resend.ts"

export interface TransportOptions {
  /** Whether this is a developer's machine: mails are caught. */
  readonly isLocal: boolean
  readonly resendKey: string | undefined
  readonly binding: EmailBinding | undefined
  readonly from: Sender
  readonly d1: D1Database
  readonly now: Clock
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

export function openTransport({ isLocal, resendKey, binding, from, d1, now, log }: TransportOptions): MailTransport {
  if (isLocal) return createCatcher({ db: d1, now, log: (line) => log({ ...line }) })
  if (resendKey) return createResendMail({ apiKey: resendKey, from, fetch })
  if (binding) return createCloudflareMail({ binding, from })
  return {
    send: async () => {
      throw new MailError("cloudflare", "not_configured")
    },
  }
}
