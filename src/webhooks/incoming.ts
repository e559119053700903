/** How an application declares a webhook that comes in: `webhook`. */

import * as z from "zod"
import { JobFailure } from "../core/job.ts"
import type { JobContext } from "../jobs/context.ts"
import { type JobDefinition, type JobLimits, resolveLimits } from "../jobs/definition.ts"

/** `standard` is Standard Webhooks 1.0, `stripe` is the header `Stripe-Signature: t=…,v1=…`. */
export type IncomingScheme = "standard" | "stripe"

/** A message whose signature was good. */
export interface IncomingMessage<B = unknown> {
  /** The sender's own: a message that comes again, with the same id, does nothing. */
  readonly id: string
  /** When it was sent, as its signature says. */
  readonly at: Date
  /** From JSON; a body that isn't JSON comes as text. */
  readonly body: B
}

export interface WebhookOptions<S extends z.ZodType = z.ZodType> extends JobLimits {
  /** Where it is posted to, below `/v1/`. */
  path: string
  /** The name of the Worker's variable that holds the secret. During a rotation it holds several, with spaces between. */
  secret: string
  scheme: IncomingScheme
  /** What the body must be. One that isn't becomes a dead letter, since its sender couldn't mend it. */
  input?: S
  /** Of its job; made of the path unless told. */
  name?: string
  run(message: IncomingMessage<z.output<S>>, context: JobContext): unknown
}

export interface IncomingWebhook {
  readonly kind: "webhook"
  readonly path: string
  readonly secret: string
  readonly scheme: IncomingScheme
  /** What a body should be, for the OpenAPI document. */
  readonly input: z.ZodType
  readonly definition: JobDefinition<JobContext>
}

/** A message as its job stores it. */
export interface StoredMessage {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly body: unknown
}

const PATH = /^\/v1(?:\/[\w.-]+)+$/
const RESERVED = /^\/v1\/(?:auth|admin|batch|live|health)(?:\/|$)/

/**
 * Takes signed messages of another service at `POST path`. Each is stored before it is answered, and runs as a job.
 * Answers 200, also to a repeat; 401 to a signature that is wrong or older than 5 minutes.
 *
 * @throws TypeError for a path that can't be taken, or a limit outside its bounds.
 * @example
 * export const payments = webhook({ path: "/v1/payments/webhook", secret: "PAYMENTS_SECRET", scheme: "standard", run: ({ body }, ctx) => … })
 */
export function webhook<S extends z.ZodType = z.ZodUnknown>(options: WebhookOptions<S>): IncomingWebhook {
  const { path, secret, scheme, input, run } = options
  if (!PATH.test(path) || RESERVED.test(path))
    throw new TypeError(`webhook ${path}: a path begins with /v1/, and with none of the engine's own`)
  const limits = resolveLimits(options.name ?? jobName(path), options)
  const read = (stored: unknown): IncomingMessage<z.output<S>> => {
    const { id, at, body } = (stored ?? {}) as Partial<StoredMessage>
    if (typeof id !== "string" || !Number.isInteger(at))
      throw new TypeError(`job ${limits.name}: its input has id, at and body`)
    return { id, at: new Date(at!), body: parse(limits.name, input, body) }
  }
  return {
    kind: "webhook",
    path,
    secret,
    scheme,
    input: input ?? z.unknown(),
    definition: {
      ...limits,
      check: (stored) => {
        read(stored)
        return stored
      },
      uniqueKey: undefined,
      run: (stored, context) => run(read(stored), context),
    },
  }
}

/** Slashes have no place in the name of a job. */
function jobName(path: string): string {
  return `webhook:${path.slice("/v1/".length).replaceAll("/", ".")}`
}

/** Another attempt would find the same body. */
function parse<S extends z.ZodType>(name: string, schema: S | undefined, body: unknown): z.output<S> {
  if (!schema) return body as z.output<S>
  const result = schema.safeParse(body)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new JobFailure(`job ${name}: the body's ${issue!.path.join(".") || "value"}: ${issue!.message}`, {
    final: true,
  })
}

/**
 * @param values The exports of the jobs file; what isn't a webhook is passed over.
 * @throws TypeError for a path that two of them have.
 */
export function collectIncoming(values: readonly unknown[]): readonly IncomingWebhook[] {
  const webhooks = values.filter((value): value is IncomingWebhook => (value as IncomingWebhook)?.kind === "webhook")
  const paths = new Set<string>()
  for (const { path } of webhooks) {
    if (paths.has(path)) throw new TypeError(`webhook ${path}: the path is taken; choose another`)
    paths.add(path)
  }
  return webhooks
}
