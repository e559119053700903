/** Mail through Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email). */

import { errorCode, MailError, type MailTransport, requireOneAddress, type Sender } from "./mail.ts"

const BASE_URL = "https://api.resend.com"
const TIMEOUT_MS = 10_000
/** An answer that is longer isn't read to its end; what it says is one name and one sentence. */
const MOST_ANSWER_BYTES = 8_192

export interface ResendMailOptions {
  apiKey: string
  from: Sender
  fetch: typeof fetch
  /** Of the API; without a slash at the end. */
  baseUrl?: string
  /** Of one mail, from the first byte sent to the last one read. */
  timeoutMs?: number
}

export function createResendMail(options: ResendMailOptions): MailTransport {
  const { apiKey, from, fetch, baseUrl = BASE_URL, timeoutMs = TIMEOUT_MS } = options
  return {
    async send({ to, subject, text, html }) {
      requireOneAddress("resend", to)
      const signal = AbortSignal.timeout(timeoutMs)
      const response = await post({ to: [to], subject, text, html }, signal)
      if (response.ok) return discard(response)
      throw new MailError("resend", await readCode(response, signal), response.status)
    },
  }

  async function post(mail: Record<string, unknown>, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${baseUrl}/emails`, {
        method: "POST",
        headers: {
          Authorization: `Bearer ${apiKey}`,
          "Content-Type": "application/json",
          // Workers send none by themselves, and without one Resend answers 403.
          "User-Agent": "selvedge",
        },
        body: JSON.stringify({ from: formatSender(from), ...mail }),
        redirect: "manual",
        signal,
      })
    } catch {
      throw new MailError("resend", signal.aborted ? "timeout" : "unreachable")
    }
  }
}

/** `"Name" <address>` (RFC 5322 §3.4). */
function formatSender({ email, name }: Sender): string {
  return name ? `"${name.replace(/["\\]/g, "\\$&")}" <${email}>` : email
}

/** The mail is on its way, whatever becomes of the rest of the answer. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined)
}

/** Errors are `{ statusCode, name, message }`; the message may quote the mail. */
async function readCode(response: Response, signal: AbortSignal): Promise<string> {
  try {
    const answer: unknown = JSON.parse(await readText(response))
    return errorCode(typeof answer === "object" && answer !== null && "name" in answer ? answer.name : undefined)
  } catch {
    return signal.aborted ? "timeout" : "unknown"
  }
}

/** Of a longer answer only the beginning. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > MOST_ANSWER_BYTES) break
    text += decoder.decode(chunk, { stream: true })
  }
  return text
}
