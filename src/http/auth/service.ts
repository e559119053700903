/** What sign-in is made of in one isolate, and how a request sees it. */

import type { Context } from "hono"
import type { CommonPasswords } from "../../auth/common-passwords.ts"
import type { AuthContext, Client, Guessing } from "../../auth/context.ts"
import { type AuthEvent, eventQuery } from "../../auth/events.ts"
import type { LockNotes } from "../../auth/lock-notes.ts"
import type { Passwords } from "../../auth/passwords.ts"
import type { Providers } from "../../auth/providers/registry.ts"
import type { Secrets } from "../../auth/secrets.ts"
import type { AuthSettings } from "../../auth/settings.ts"
import type { Tokens } from "../../auth/tokens.ts"
import { SelvedgeError } from "../../core/problem.ts"
import { Database } from "../../db/database.ts"
import type { Attempts } from "../../limits/attempts.ts"
import type { AppEnv } from "../context.ts"
import { mailHandle } from "./mail-job.ts"

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/

export interface AuthService {
  readonly d1: D1Database
  readonly settings: AuthSettings
  readonly secrets: Secrets
  readonly tokens: Tokens
  readonly passwords: Passwords
  readonly commonPasswords: CommonPasswords
  readonly providers: Providers
  readonly attempts: Attempts
  readonly lockNotes: LockNotes
  /** Origins of sites that people may be sent back to. */
  readonly origins: readonly string[]
  readonly log: (line: Record<string, unknown> & { level: "info" | "error" }) => void
}

export function authContext(c: Context<AppEnv>, service: AuthService): AuthContext {
  const { settings, secrets, tokens, passwords, commonPasswords } = service
  const { caller, db, records, requestId } = c.get("state")
  const client = readClient(c.req.raw)
  const baseUrl = settings.url ?? originOf(c.req.url)
  const later = (work: Promise<unknown>): void => {
    c.executionCtx.waitUntil(
      work.catch((error: unknown) => {
        service.log({ level: "error", event: "failure", requestId, causes: [String(error)] })
      }),
    )
  }
  const context: AuthContext = {
    settings,
    secrets,
    tokens,
    passwords,
    commonPasswords,
    db,
    caller,
    client,
    baseUrl,
    now: records.now,
    get orm() {
      return c.get("ctx").db
    },
    later,
    writeLater: (queries) => later(new Database(service.d1).write(queries)),
    guessing: guessing(service, client, later, (event) => context.writeLater([eventQuery(context, event)])),
    mailJob: (input) => records.enqueue(mailHandle, input),
  }
  return context
}

/** No secret is mailed as a link without encryption, whatever the request came by; but on this machine alone. */
function originOf(url: string): string {
  const { protocol, host, hostname } = new URL(url)
  return `${LOOPBACK.test(hostname) ? protocol : "https:"}//${host}`
}

function readClient(request: Request): Client {
  const { city, country } = (request.cf ?? {}) as { city?: string; country?: string }
  return {
    ip: request.headers.get("CF-Connecting-IP") ?? undefined,
    userAgent: request.headers.get("User-Agent") ?? undefined,
    place: [city, country].filter(Boolean).join(", ") || undefined,
  }
}

function guessing(
  { attempts, lockNotes }: AuthService,
  { ip }: Client,
  later: AuthContext["later"],
  note: (event: AuthEvent) => void,
): Guessing {
  return {
    async guess(flow, account, run) {
      try {
        return await attempts.guess({ flow, account, address: ip, later }, run)
      } catch (error) {
        const isLocked = error instanceof SelvedgeError && error.code === "rate_limited"
        if (isLocked && account !== undefined && lockNotes.isNew(`${flow}:${account}`))
          note({ event: "locked", userId: { ofAccount: account }, result: "refused", detail: { flow } })
        throw error
      }
    },
    count: (flow, account) => attempts.count({ flow, account, address: ip }),
    clear: (flow, account) => later(attempts.clear(flow, account)),
  }
}
