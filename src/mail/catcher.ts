/** Mail of local work: kept in `_mails` and printed as one line with its link or code; nothing leaves the machine. */

import type { Clock } from "../core/clock.ts"
import { newId } from "../schema/record-id.ts"
import { MailError, type MailTransport, requireOneAddress } from "./mail.ts"

/** Older ones are deleted. */
export const MOST_MAILS = 500

const LINK_LINE = /^https?:\/\/\S+$/m
const CODE_LINE = /^\d{6}$/m

export interface MailLine {
  level: "info"
  event: "mail"
  to: string
  purpose: string
  subject: string
  /** The link that stands on a line of its own in the text, or the code. */
  link?: string
}

export interface CatcherOptions {
  db: D1Database
  now: Clock
  log: (line: MailLine) => void
}

const INSERT = 'INSERT INTO _mails (id, at, recipient, purpose, subject, "text", html) VALUES (?, ?, ?, ?, ?, ?, ?)'
const SWEEP = `DELETE FROM _mails WHERE id < (SELECT id FROM _mails ORDER BY id DESC LIMIT 1 OFFSET ${MOST_MAILS - 1})`

/** It prints secrets, so it is never for a deployed Worker. */
export function createCatcher({ db, now, log }: CatcherOptions): MailTransport {
  return {
    async send({ to, purpose, subject, text, html }) {
      requireOneAddress("catcher", to)
      const insert = db.prepare(INSERT).bind(newId(), now(), to, purpose, subject, text, html)
      await db.batch([insert, db.prepare(SWEEP)]).catch(() => {
        throw new MailError("catcher", "not_stored")
      })
      const link = LINK_LINE.exec(text)?.[0] ?? CODE_LINE.exec(text)?.[0]
      log({ level: "info", event: "mail", to, purpose, subject, ...(link !== undefined && { link }) })
    },
  }
}
