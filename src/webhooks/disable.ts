/** Disabling a webhook: what waits for it ends, and whoever registered it is told by mail. */

import { STANDS } from "../auth/users.ts"
import type { Clock } from "../core/clock.ts"
import type { Query } from "../db/query.ts"
import { type JobDefinition, resolveLimits } from "../jobs/definition.ts"
import { appendError } from "../jobs/end.ts"
import { insertJob, type NewJob } from "../jobs/enqueue.ts"
import { type JobSystem, writeJobs } from "../jobs/system.ts"
import { compose } from "../mail/compose.ts"
import type { MailTransport } from "../mail/mail.ts"
import { newId } from "../schema/record-id.ts"
import type { DisabledFor } from "./webhook.ts"

/** Without a success for so long, it is disabled. */
export const MOST_FAILING_MS = 5 * 24 * 3_600_000
const NOTICE_JOB = "webhook-disabled"

/** For the batch that writes how an attempt failed: disables what answered 410, or has been failing for days. */
export function disableQueries(
  webhookId: string,
  isGone: boolean,
  now: number,
): { queries: Query[]; notice: Pick<NewJob, "id"> } {
  const notice = {
    id: newId(),
    name: NOTICE_JOB,
    input: JSON.stringify({ webhookId }),
    maxAttempts: resolveLimits(NOTICE_JOB, {}).maxAttempts,
    runAt: now,
  }
  const reason: DisabledFor = isGone ? "gone" : "failing"
  const queries = [
    {
      sql: `UPDATE _webhooks SET disabled_for = ?2, updated_at = ?3 WHERE id = ?1 AND disabled_for IS NULL AND (?4 OR failing_since <= ?5)`,
      params: [webhookId, reason, now, isGone ? 1 : 0, now - MOST_FAILING_MS],
    },
    insertJob(notice, now, { sql: "changes() = 1", params: [] }),
    cancelWaiting(webhookId, `the webhook is disabled: ${reason}`, now),
  ]
  return { queries, notice }
}

/** Ends the deliveries that wait for a webhook which is disabled, or no longer there. */
export function cancelWaiting(webhookId: string, reason: string, now: number): Query {
  const error = { attempt: 0, at: now, durationMs: 0, message: reason, stack: null }
  return {
    sql: `UPDATE _jobs SET state = 'cancelled', finished_at = ?2, due_at = NULL, errors = ${appendError("?3")}
WHERE lane = ?1 AND state IN ('queued', 'retrying') AND finished_at IS NULL
AND NOT EXISTS (SELECT 1 FROM _webhooks WHERE id = ?4 AND disabled_for IS NULL)`,
    params: [`delivery:${webhookId}`, now, JSON.stringify(error), webhookId],
  }
}

export interface NoticeOptions {
  readonly system: Pick<JobSystem, "d1">
  readonly now: Clock
  readonly transport: MailTransport
  /** As mails name it. */
  readonly projectName: string
}

/** The job that tells the owner. */
export function noticeJob({ system, now, transport, projectName }: NoticeOptions): JobDefinition {
  return {
    ...resolveLimits(NOTICE_JOB, {}),
    check: (input) => input,
    uniqueKey: undefined,
    async run(input) {
      const [rows] = await writeJobs(system, [
        {
          sql: `SELECT w.url, w.disabled_for AS reason, u.email FROM _webhooks w JOIN _users u ON u.id = w.owner_id
WHERE w.id = ? AND w.disabled_for IS NOT NULL AND u.email IS NOT NULL AND ${STANDS}`,
          params: [(input as { webhookId: string }).webhookId, now()],
        },
      ])
      const [row] = rows!
      if (!row) return { told: false }
      const email = row.email as string
      const why = row.reason === "gone" ? "it answered 410 Gone" : "every call of the last five days has failed"
      const mail = compose(
        { projectName, email },
        {
          subject: `A webhook of ${projectName} was disabled`,
          opening: `The webhook that you registered for ${new URL(row.url as string).host} gets no more calls, for ${why}.`,
          otherwise: "Once its receiver works again, enable it, and send again what it has missed.",
        },
      )
      await transport.send({ to: email, purpose: NOTICE_JOB, ...mail })
      return { told: true }
    },
  }
}
