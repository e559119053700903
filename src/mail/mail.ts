/** What every transport of mail is to the rest: one function that sends one mail to one address. */

export interface Mail {
  readonly to: string
  /** One line. */
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface MailTransport {
  /**
   * Resolves when the provider has taken the mail; that it arrives is not known.
   * @throws MailError
   */
  send(mail: Mail & { readonly purpose: string }): Promise<void>
}

/** Whom mail comes from; `email` belongs to a domain that the provider knows. */
export interface Sender {
  readonly email: string
  readonly name?: string
}

/** Whatever is tried again, these stay: the address, the mail itself, or that there is nobody to send it. */
const LASTING: readonly string[] = [
  "not_one_address",
  "not_configured",
  "validation_error",
  "E_VALIDATION_ERROR",
  "E_RECIPIENT_NOT_ALLOWED",
  "E_RECIPIENT_SUPPRESSED",
]

export type TransportName = "cloudflare" | "resend" | "catcher"

/**
 * A mail that wasn't sent. It holds nothing of the mail and nothing that the provider wrote but its error code, since
 * either may repeat a secret. `status` is that of HTTP, where there was an answer.
 */
export class MailError extends Error {
  readonly transport: TransportName
  readonly status: number | undefined
  /** The provider's, or `timeout`, `unreachable`, `not_stored`, `not_one_address`, `not_configured`, `unknown`. */
  readonly code: string

  constructor(transport: TransportName, code: string, status?: number) {
    super(`${transport} did not take a mail: ${[status, code].filter(Boolean).join(" ")}`)
    this.name = "MailError"
    this.transport = transport
    this.code = code
    this.status = status
  }

  /** Whether another attempt can't end otherwise. */
  get isLasting(): boolean {
    return LASTING.includes(this.code)
  }
}

const LONGEST_CODE = 64
/** `validation_error`, `E_RATE_LIMIT_EXCEEDED`: a secret has digits, or letters of both cases. */
const CODE = /^(?:[a-z]+(?:_[a-z]+)*|[A-Z]+(?:_[A-Z]+)*)$/

/** A provider's error code; `unknown` for anything that doesn't look like one. */
export function errorCode(value: unknown): string {
  return typeof value === "string" && value.length <= LONGEST_CODE && CODE.test(value) ? value : "unknown"
}

/** Longer ones can't be delivered (RFC 5321 §4.5.3.1.3, less the angle brackets). */
const LONGEST_ADDRESS = 254
const ONE_ADDRESS = /^[^\s\p{Cc},;:<>()[\]"\\@]+@[^\s\p{Cc},;:<>()[\]"\\@]+$/u

/**
 * Providers read a list or a name out of the text of a recipient; a secret for one address must not reach another.
 * @throws MailError `not_one_address`
 */
export function requireOneAddress(transport: TransportName, to: string): void {
  if (to.length > LONGEST_ADDRESS || !ONE_ADDRESS.test(to)) throw new MailError(transport, "not_one_address")
}
