/** The job that carries out a delivery: one attempt, its line in the log, and what becomes of the webhook. */

import type { Secrets } from "../auth/secrets.ts"
import { JobFailure } from "../core/job.ts"
import type { Query } from "../db/query.ts"
import { type JobDefinition, type JobRun, resolveLimits } from "../jobs/definition.ts"
import type { Dispatcher } from "../jobs/dispatch.ts"
import { LOST_AFTER_MS } from "../jobs/enqueue.ts"
import { type JobSystem, writeJobs } from "../jobs/system.ts"
import { addressFault } from "./address.ts"
import { type Attempted, type AttemptOptions, callReceiver } from "./attempt.ts"
import { appendAttempt, DELIVERY_JOB, type Delivery, RETRIES_MS } from "./delivery.ts"
import { disableQueries, MOST_FAILING_MS } from "./disable.ts"
import { type OpenedSecret, openWebhookSecret, signedHeaders } from "./secret.ts"

/** A receiver may ask for a longer break; not for a longer one than the longest of ours. */
const LONGEST_BREAK_MS = Math.max(...RETRIES_MS)
const GONE = 410
const MAY_ASK_FOR_TIME = [429, 503]

export interface DeliveryOptions extends Pick<AttemptOptions, "fetch" | "now"> {
  readonly system: Pick<JobSystem, "d1">
  readonly secrets: Secrets
  readonly isLocal: boolean
  /** Where this Worker is reached itself, as origins. */
  readonly own: readonly string[]
  readonly dispatcher: Pick<Dispatcher, "send" | "wakeClockBy">
}

export function deliveryJob(options: DeliveryOptions): JobDefinition {
  return {
    ...resolveLimits(DELIVERY_JOB, { retries: RETRIES_MS.length, backoff: (failures) => retryAfterMs(failures) }),
    check: (input) => input,
    uniqueKey: undefined,
    run: (_input, run) => deliver(run, options),
  }
}

function retryAfterMs(failures: number): number {
  return RETRIES_MS[Math.min(failures, RETRIES_MS.length) - 1]!
}

interface Subject {
  readonly state: Delivery["state"]
  readonly payload: string
  readonly webhookId: string
  readonly url: string
  readonly secret: string
  readonly previousSecret: string | null
  readonly previousUntil: number | null
  readonly disabledFor: string | null
  readonly failingSince: number | null
}

/** @returns The job's result. A delivery whose webhook wants nothing any more ends quietly. */
async function deliver(run: JobRun, options: DeliveryOptions): Promise<{ sent: boolean; reason?: string }> {
  const { system, now } = options
  const id = run.jobId
  const [rows] = await writeJobs(system, [subjectQuery(id)])
  const subject = rows![0] as unknown as Subject | undefined
  if (!subject) return { sent: false, reason: "the webhook was deleted" }
  if (subject.state === "succeeded") return { sent: true }
  if (subject.disabledFor !== null) {
    await writeJobs(system, [{ sql: "UPDATE _deliveries SET state = 'failed' WHERE id = ?", params: [id] }])
    return { sent: false, reason: `the webhook is disabled: ${subject.disabledFor}` }
  }
  const { resealed, ...attempted } = await attempt(id, subject, run.signal, options)
  if (resealed) await writeJobs(system, [resealQuery(subject, resealed)])
  const { status, error } = attempted.attempt
  if (error === undefined && status !== null && status >= 200 && status < 300) {
    await writeJobs(system, [appendAttempt(id, attempted.attempt, "succeeded"), recoveredQuery(subject.webhookId)])
    return { sent: true }
  }
  const isDisabled = await writeFailure(id, subject, attempted, options)
  throw new JobFailure(error ?? `the receiver answered ${status}`, {
    final: isDisabled,
    ...breakFor(attempted, run.attempt, now()),
  })
}

function subjectQuery(id: string): Query {
  return {
    sql: `SELECT d.state, d.payload, w.id AS "webhookId", w.url, w.secret, w.previous_secret AS "previousSecret",
  w.previous_until AS "previousUntil", w.disabled_for AS "disabledFor", w.failing_since AS "failingSince"
FROM _deliveries d JOIN _webhooks w ON w.id = d.webhook_id WHERE d.id = ?`,
    params: [id],
  }
}

/** An address that isn't allowed, or a secret that can't be read, fails as a call does. */
async function attempt(
  id: string,
  subject: Subject,
  signal: AbortSignal,
  { secrets: keys, fetch, now, isLocal, own }: DeliveryOptions,
): Promise<Attempted & { resealed?: string | undefined }> {
  const { url, payload: body } = subject
  const at = now()
  const fail = (error: string): Attempted => ({
    attempt: { at, status: null, durationMs: 0, response: null, error },
    retryAfter: null,
  })
  const fault = addressFault(url, { isLocal, own })
  if (fault) return fail(`not called: its URL ${fault}`)
  let newest: OpenedSecret
  try {
    newest = await openWebhookSecret(keys, subject.webhookId, subject.secret)
  } catch (error) {
    return fail((error as Error).message)
  }
  const secrets = [newest.secret, ...(await previousSecrets(keys, subject, at))]
  const headers = signedHeaders(secrets, id, at, body)
  const told = [...secrets, ...headers["webhook-signature"].split(" ")].map((text) => text.replace(/^(whsec_|v1,)/, ""))
  const attempted = await callReceiver({ url, headers, body, secrets: told }, { fetch, now, signal })
  return { ...attempted, resealed: newest.resealed }
}

/** One that can't be read any more is why the webhook was rotated: the newest signs alone. */
async function previousSecrets(
  keys: Secrets,
  { webhookId, previousSecret, previousUntil }: Subject,
  at: number,
): Promise<string[]> {
  if (at >= (previousUntil ?? 0)) return []
  try {
    return [(await openWebhookSecret(keys, webhookId, previousSecret!)).secret]
  } catch {
    return []
  }
}

/** The Worker's secret before is dropped one day, and with it what only that can open. */
function resealQuery({ webhookId, secret }: Subject, resealed: string): Query {
  return {
    sql: "UPDATE _webhooks SET secret = ?3 WHERE id = ?1 AND secret = ?2",
    params: [webhookId, secret, resealed],
  }
}

function recoveredQuery(webhookId: string): Query {
  return {
    sql: "UPDATE _webhooks SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL",
    params: [webhookId],
  }
}

/** @returns Whether the webhook is disabled now. */
async function writeFailure(
  id: string,
  { webhookId, failingSince }: Subject,
  { attempt }: Attempted,
  { system, now, dispatcher }: DeliveryOptions,
): Promise<boolean> {
  const time = now()
  const isGone = attempt.status === GONE
  const isFailing = failingSince !== null && failingSince <= time - MOST_FAILING_MS
  const queries = [
    appendAttempt(id, attempt, isGone ? "failed" : "pending"),
    {
      sql: "UPDATE _webhooks SET failing_since = ?2 WHERE id = ?1 AND failing_since IS NULL",
      params: [webhookId, time],
    },
  ]
  if (!isGone && !isFailing) {
    await writeJobs(system, queries)
    return false
  }
  const disabling = disableQueries(webhookId, isGone, time)
  const rows = await writeJobs(system, [
    ...queries,
    ...disabling.queries,
    { sql: "SELECT disabled_for FROM _webhooks WHERE id = ?", params: [webhookId] },
  ])
  await Promise.all([dispatcher.send([disabling.notice.id]), dispatcher.wakeClockBy(time + LOST_AFTER_MS)])
  return rows.at(-1)![0]?.disabled_for !== null
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); it never makes us come earlier. */
function breakFor(
  { attempt: { status }, retryAfter }: Attempted,
  attempts: number,
  now: number,
): { retryAfterMs?: number } {
  if (retryAfter === null || !MAY_ASK_FOR_TIME.includes(status!)) return {}
  const asked = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - now
  if (!(asked > retryAfterMs(attempts))) return {}
  return { retryAfterMs: Math.min(asked, LONGEST_BREAK_MS) }
}
