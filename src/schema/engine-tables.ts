/** The engine's own tables. Their SQL names begin with `_`. */

import { sql } from "drizzle-orm"
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core"
import { users } from "./users-table.ts"

/** Facts about this database; `epoch` names its history, and a restored database gets a new one. */
export const meta = sqliteTable("_meta", { key: text().primaryKey(), value: text().notNull() })

/** Every committed change of a row, in commit order. Triggers write it, nobody else. */
export const changes = sqliteTable(
  "_changes",
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    tableName: text().notNull(),
    recordId: text().notNull(),
    op: text({ enum: ["insert", "update", "delete"] }).notNull(),
    before: text(),
    after: text(),
    at: integer().notNull(),
  },
  (t) => [index("_changes_at").on(t.at)],
)

/** Answers of writes that carried an `Idempotency-Key`, kept 24 hours. */
export const idempotency = sqliteTable(
  "_idempotency",
  {
    scope: text().notNull(),
    key: text().notNull(),
    fingerprint: text().notNull(),
    status: integer(),
    body: text(),
    createdAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.scope, t.key] }), index("_idempotency_created").on(t.createdAt)],
)

/** ES256 keys that sign access tokens; the private part is encrypted with AES-GCM under the Worker's secret. */
export const signingKeys = sqliteTable("_signing_keys", {
  kid: text().primaryKey(),
  alg: text().notNull(),
  publicJwk: text().notNull(),
  privateJwk: text().notNull(),
  signsFrom: integer().notNull(),
  retiredAt: integer(),
})

const userId = () =>
  text()
    .notNull()
    .references(() => users.id, { onDelete: "cascade" })

/** PHC strings of argon2id. */
export const passwords = sqliteTable("_passwords", {
  userId: userId().primaryKey(),
  hash: text().notNull(),
  updatedAt: integer().notNull(),
})

/** Accounts at providers, known by issuer and subject, never by e-mail. */
export const identities = sqliteTable(
  "_identities",
  {
    issuer: text().notNull(),
    subject: text().notNull(),
    userId: userId(),
    email: text(),
    createdAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.issuer, t.subject] }), index("_identities_user").on(t.userId)],
)

/** WebAuthn credentials; `id` and `publicKey` are base64url. */
export const passkeys = sqliteTable(
  "_passkeys",
  {
    id: text().primaryKey(),
    userId: userId(),
    publicKey: text().notNull(),
    counter: integer().notNull(),
    transports: text({ mode: "json" }).$type<string[]>().notNull(),
    backedUp: integer({ mode: "boolean" }).notNull(),
    aaguid: text().notNull(),
    name: text().notNull(),
    createdAt: integer().notNull(),
    lastUsedAt: integer(),
  },
  (t) => [index("_passkeys_user").on(t.userId, t.createdAt)],
)

/** Signed-in states. Of the refresh token only a hash is kept. Times are milliseconds since 1970. */
export const sessions = sqliteTable(
  "_sessions",
  {
    id: text().primaryKey(),
    userId: userId(),
    generation: integer().notNull(),
    refreshHash: text().notNull(),
    rotatedAt: integer().notNull(),
    /** Hash of the Idempotency-Key of the last refresh. */
    rotatedKey: text(),
    /** Authenticator assurance level: 1, or 2 after a second factor. */
    aal: integer().notNull(),
    /** How the user authenticated (RFC 8176). */
    amr: text({ mode: "json" }).$type<string[]>().notNull(),
    ip: text(),
    userAgent: text(),
    place: text(),
    createdAt: integer().notNull(),
    authenticatedAt: integer().notNull(),
    lastUsedAt: integer().notNull(),
    /** Moves with each refresh, never past `expiresAt`. */
    idleAt: integer().notNull(),
    expiresAt: integer().notNull(),
    revokedAt: integer(),
  },
  (t) => [index("_sessions_user").on(t.userId, t.createdAt), index("_sessions_expiry").on(t.expiresAt)],
)

/** Secrets that are used once: codes, links, tickets, states. Of the secret only a hash is kept. */
export const oneTime = sqliteTable(
  "_one_time",
  {
    purpose: text().notNull(),
    hash: text().notNull(),
    userId: text().references(() => users.id, { onDelete: "cascade" }),
    /** Whose newer secret takes the place of the older one. */
    subject: text(),
    payload: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
    attempts: integer().notNull().default(0),
    expiresAt: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.purpose, t.hash] }),
    index("_one_time_subject").on(t.purpose, t.subject),
    index("_one_time_user").on(t.userId),
    index("_one_time_expiry").on(t.expiresAt),
  ],
)

/** TOTP seeds, encrypted; one that isn't confirmed counts for nothing. */
export const totps = sqliteTable("_totps", {
  userId: userId().primaryKey(),
  secret: text().notNull(),
  /** The newest time step that was accepted. */
  lastStep: integer().notNull().default(0),
  confirmedAt: integer(),
})

export const recoveryCodes = sqliteTable("_recovery_codes", { userId: userId(), hash: text().notNull() }, (t) => [
  primaryKey({ columns: [t.userId, t.hash] }),
])

/** API keys of users, and service keys, which have no user. Of the key only a hash is kept. */
export const keys = sqliteTable(
  "_keys",
  {
    id: text().primaryKey(),
    hash: text().notNull().unique(),
    /** The key's first characters, to tell keys apart by. */
    prefix: text().notNull(),
    kind: text({ enum: ["api", "service"] }).notNull(),
    userId: text().references(() => users.id, { onDelete: "cascade" }),
    name: text().notNull(),
    scopes: text({ mode: "json" }).$type<string[]>().notNull(),
    createdAt: integer().notNull(),
    expiresAt: integer(),
    revokedAt: integer(),
    lastUsedAt: integer(),
  },
  (t) => [index("_keys_user").on(t.userId, t.createdAt)],
)

/** What happened to accounts: who did it, from where, and how it ended. */
export const authEvents = sqliteTable(
  "_auth_events",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: integer().notNull(),
    event: text().notNull(),
    /** Whom it is about; no reference, so that it outlives the account. */
    userId: text(),
    /** Who did it: a user's id, `service`, or nobody known. */
    actor: text(),
    ip: text(),
    result: text({ enum: ["ok", "refused"] }).notNull(),
    detail: text({ mode: "json" }).$type<Record<string, unknown>>(),
  },
  (t) => [
    index("_auth_events_user").on(t.userId, t.id),
    index("_auth_events_actor").on(t.actor),
    index("_auth_events_at").on(t.at),
  ],
)

/** What the mail catcher holds; filled in local work only. */
export const mails = sqliteTable(
  "_mails",
  {
    id: text().primaryKey(),
    at: integer().notNull(),
    recipient: text().notNull(),
    purpose: text().notNull(),
    subject: text().notNull(),
    text: text().notNull(),
    html: text().notNull(),
  },
  (t) => [index("_mails_recipient").on(t.recipient, t.id)],
)

/** Work that is done after the answer. Times are milliseconds since 1970. */
export const jobs = sqliteTable(
  "_jobs",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    state: text({ enum: ["queued", "running", "retrying", "succeeded", "dead", "cancelled"] }).notNull(),
    input: text().notNull(),
    result: text(),
    attempts: integer().notNull().default(0),
    maxAttempts: integer().notNull(),
    /** The next attempt is made no earlier. */
    runAt: integer().notNull(),
    /** When the clock looks at it: its message may be lost, its delay over, its lease expired. Null in a final state. */
    dueAt: integer(),
    /** Which run holds the lease; a run whose claim is gone writes nothing any more. */
    claim: text(),
    /** Of the jobs of one name that haven't ended, one has this key. */
    uniqueKey: text(),
    /** Jobs of one order run one after the other, by position. */
    orderKey: text(),
    position: integer(),
    /** At most `laneWidth` jobs of one lane run at the same time. */
    lane: text(),
    laneWidth: integer(),
    /** `[{ attempt, at, durationMs, message, stack }]`, the newest last. */
    errors: text().notNull().default("[]"),
    /** `[done, total]`. */
    progress: text(),
    traceId: text(),
    createdAt: integer().notNull(),
    startedAt: integer(),
    finishedAt: integer(),
  },
  (t) => [
    index("_jobs_due").on(t.dueAt).where(sql`${t.dueAt} IS NOT NULL`),
    index("_jobs_state").on(t.state, t.id),
    index("_jobs_name").on(t.name, t.id),
    index("_jobs_ended").on(t.state, t.finishedAt).where(sql`${t.finishedAt} IS NOT NULL`),
    index("_jobs_order").on(t.orderKey, t.position).where(sql`${t.orderKey} IS NOT NULL AND ${t.finishedAt} IS NULL`),
    index("_jobs_lane").on(t.lane, t.state, t.runAt).where(sql`${t.lane} IS NOT NULL AND ${t.finishedAt} IS NULL`),
    uniqueIndex("_jobs_unique")
      .on(t.name, t.uniqueKey)
      .where(sql`${t.uniqueKey} IS NOT NULL AND ${t.finishedAt} IS NULL`),
  ],
)

/** What the steps of a job gave, so that a retry doesn't repeat them. */
export const jobSteps = sqliteTable(
  "_job_steps",
  {
    jobId: text()
      .notNull()
      .references(() => jobs.id, { onDelete: "cascade" }),
    name: text().notNull(),
    result: text().notNull(),
    createdAt: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.name] })],
)

/** When each schedule runs next, and the job of its last run. */
export const schedules = sqliteTable("_schedules", {
  name: text().primaryKey(),
  /** Cron expression and time zone that `nextAt` was reckoned with. */
  timing: text().notNull(),
  nextAt: integer().notNull(),
  lastAt: integer(),
  lastJobId: text(),
})

/** The last change that made jobs, of each sink of the feed that makes any; written in the batch of those jobs. */
export const sinks = sqliteTable("_sinks", { name: text().primaryKey(), seq: integer().notNull() })

/** Addresses outside that want changes. Secrets are encrypted under the Worker's secret. */
export const webhooks = sqliteTable("_webhooks", {
  id: text().primaryKey(),
  url: text().notNull(),
  /** `["reviews.created"]` */
  events: text().notNull(),
  filter: text(),
  ordered: integer({ mode: "boolean" }).notNull().default(false),
  secret: text().notNull(),
  /** Signs beside the new one until `previousUntil`. */
  previousSecret: text(),
  previousUntil: integer(),
  /** Who registered it, and is told when it is disabled. */
  ownerId: text(),
  /** Null while it is enabled; else `gone` (it answered 410), `failing`, or `paused` by an admin. */
  disabledFor: text(),
  /** Since when no delivery has succeeded. */
  failingSince: integer(),
  createdAt: integer().notNull(),
  updatedAt: integer().notNull(),
})

/** One change on its way to one webhook. */
export const deliveries = sqliteTable(
  "_deliveries",
  {
    /** Also the id of its message, and of its job. */
    id: text().primaryKey(),
    webhookId: text()
      .notNull()
      .references(() => webhooks.id, { onDelete: "cascade" }),
    event: text().notNull(),
    state: text({ enum: ["pending", "succeeded", "failed"] }).notNull(),
    /** The body as it is sent. */
    payload: text().notNull(),
    /** `[{ at, status, durationMs, response }]`, the newest last. */
    attempts: text().notNull().default("[]"),
    createdAt: integer().notNull(),
  },
  (t) => [index("_deliveries_webhook").on(t.webhookId, t.id), index("_deliveries_created").on(t.createdAt)],
)

/** Messages that came in by webhook, so that none is taken twice. */
export const received = sqliteTable(
  "_received",
  { path: text().notNull(), messageId: text().notNull(), at: integer().notNull() },
  (t) => [primaryKey({ columns: [t.path, t.messageId] }), index("_received_at").on(t.at)],
)

/** All of them, in the order in which they are created. */
export const engineTables = {
  users,
  meta,
  changes,
  idempotency,
  signingKeys,
  passwords,
  identities,
  passkeys,
  sessions,
  oneTime,
  totps,
  recoveryCodes,
  keys,
  authEvents,
  mails,
  jobs,
  jobSteps,
  schedules,
  sinks,
  webhooks,
  deliveries,
  received,
}
