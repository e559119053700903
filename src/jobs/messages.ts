/** Messages of the queue, and those that the platform gave up on: nothing that was sent disappears. */

import type { Query } from "../db/query.ts"
import { newId } from "../schema/record-id.ts"
import type { JobMessage } from "./dispatch.ts"
import { appendError } from "./end.ts"
import { MOST_INPUT_BYTES } from "./enqueue.ts"
import { toJsonText } from "./json-text.ts"
import { sendReleased } from "./release.ts"
import { type JobSystem, writeJobs } from "./system.ts"

/** As much of the platform's message as is needed. */
export interface QueueMessage {
  readonly id: string
  readonly body: unknown
  /** Deliveries of it, this one included. */
  readonly attempts?: number
  ack(): void
  retry(options?: { delaySeconds?: number }): void
}

/** The name under which messages are kept that nobody understands. */
export const FOREIGN_NAME = "message"

export function readMessages(messages: readonly QueueMessage[]): { ids: string[]; foreign: QueueMessage[] } {
  const isOurs = ({ body }: QueueMessage) => typeof (body as JobMessage | null)?.id === "string"
  return {
    ids: [...new Set(messages.filter(isOurs).map(({ body }) => (body as JobMessage).id))],
    foreign: messages.filter((message) => !isOurs(message)),
  }
}

/** Keeps messages that aren't ours as dead letters, each once. */
export function buryMessages(messages: readonly QueueMessage[], reason: string, now: number): Query[] {
  return messages.map(({ id, body }) => {
    const error = { attempt: 0, at: now, durationMs: 0, message: reason, stack: null }
    return {
      sql: `INSERT INTO _jobs (id, name, state, input, attempts, max_attempts, run_at, errors, created_at, finished_at)
SELECT ?1, ?2, 'dead', ?3, 0, 1, ?4, ?5, ?4, ?4 WHERE NOT EXISTS (SELECT 1 FROM _jobs WHERE id = ?1)`,
      params: [rowId(id), FOREIGN_NAME, readable(body), now, JSON.stringify([error])],
    }
  })
}

/** The platform's ids sort among our own; the newest of ours is looked for by id. */
function rowId(messageId: string): string {
  return /^[\w-]{1,100}$/.test(messageId) ? `message-${messageId}` : newId()
}

/** A message can hold what JSON can't: maps, big numbers, cycles. */
function readable(body: unknown): string {
  try {
    return toJsonText("the message", body, MOST_INPUT_BYTES)
  } catch {
    return JSON.stringify(String(body).slice(0, MOST_INPUT_BYTES / 8))
  }
}

/**
 * Takes what the platform's own dead letter queue holds: its jobs become dead letters, unless they run, have ended, or
 * wait for a later time: those aren't lost with an old message.
 */
export async function consumeDead(messages: readonly QueueMessage[], system: JobSystem): Promise<void> {
  const { ids, foreign } = readMessages(messages)
  const now = system.now()
  const reason = "the queue gave up on its message"
  const error = { attempt: 0, at: now, durationMs: 0, message: reason, stack: null }
  const [dead] = await writeJobs(system, [
    {
      sql: `UPDATE _jobs SET state = 'dead', finished_at = ?2, due_at = NULL, errors = ${appendError("?3")}
WHERE id IN (SELECT value FROM json_each(?1)) AND state IN ('queued', 'retrying') AND run_at <= ?2
RETURNING id, order_key AS "orderKey", lane`,
      params: [JSON.stringify(ids), now, JSON.stringify(error)],
    },
    ...buryMessages(foreign, reason, now),
  ])
  for (const message of messages) message.ack()
  system.log({ level: "error", event: "dead_messages", count: messages.length, jobIds: dead!.map(({ id }) => id) })
  await sendReleased(dead!, system)
}
