/** Mail through Cloudflare's Email Service, by a `send_email` binding. */

import { errorCode, MailError, type MailTransport, requireOneAddress, type Sender } from "./mail.ts"

/** The part of the binding that is used. */
export interface EmailBinding {
  send(message: {
    from: string | { email: string; name: string }
    to: string
    subject: string
    text: string
    html: string
  }): Promise<unknown>
}

export interface CloudflareMailOptions {
  binding: EmailBinding
  from: Sender
}

export function createCloudflareMail({ binding, from }: CloudflareMailOptions): MailTransport {
  const sender = from.name ? { email: from.email, name: from.name } : from.email
  return {
    async send({ to, subject, text, html }) {
      requireOneAddress("cloudflare", to)
      try {
        await binding.send({ from: sender, to, subject, text, html })
      } catch (error) {
        throw new MailError("cloudflare", errorCode(codeOf(error)))
      }
    },
  }
}

/** The binding's errors have codes such as `E_SENDER_NOT_VERIFIED`; their text may quote the mail. */
function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined
}
