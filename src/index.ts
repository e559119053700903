/** `selvedge`: what an application declares its backend with. */

import { is } from "drizzle-orm"
import { SQLiteTable } from "drizzle-orm/sqlite-core"
import type { Hono } from "hono"
import { checkRules } from "./access/check-rules.ts"
import type { CollectionDefinition } from "./access/collection.ts"
import { type Collections, compileCollections } from "./access/model.ts"
import { type AuthOptions, type AuthSettings, resolveAuth } from "./auth/settings.ts"
import type { AppEnv } from "./http/context.ts"
import type { DocumentInfo } from "./http/openapi/document.ts"
import { collectDeclarations, type Declarations } from "./jobs/declarations.ts"
import { compileLimits, type Limits } from "./limits/charges.ts"
import type { LimitsOptions } from "./limits/classes.ts"
import { type Channels, compileChannels } from "./live/channels.ts"
import { collectIncoming, type IncomingWebhook } from "./webhooks/incoming.ts"

export type {
  Access,
  Action,
  CollectionDefinition,
  CollectionOptions,
  FieldOptions,
  Rule,
} from "./access/collection.ts"
export { collection } from "./access/collection.ts"
export type { Filter } from "./access/filter-types.ts"
export type { CollectionLimits, LimitUse } from "./access/limit-use.ts"
export { allOf, anyOf, anyone, type CallerRule, nobody, owner, role, signedIn } from "./access/rules.ts"
export {
  type GitHubPreset,
  type GitHubPresetOptions,
  github,
  google,
  type OpenIdPreset,
  type OpenIdPresetOptions,
  openid,
  type ProviderPreset,
} from "./auth/providers/presets.ts"
export type { AuthOptions } from "./auth/settings.ts"
export type { Caller } from "./core/caller.ts"
export { type Enqueue, type Enqueued, type EnqueueOptions, JobFailure } from "./core/job.ts"
export { ApplicationError, type ProblemCode, SelvedgeError } from "./core/problem.ts"
export type { ChannelHandle, LivePublisher, PublishOptions } from "./core/publish.ts"
export type { RouteContext } from "./http/context.ts"
export { type EndpointOptions, endpoint } from "./http/endpoint.ts"
export { limited } from "./http/limited.ts"
export type { DocumentInfo } from "./http/openapi/document.ts"
export type { JobContext } from "./jobs/context.ts"
export { type Job, type JobOptions, job, on, type RecordChange, schedule } from "./jobs/define.ts"
export type { ClassOptions, LimitsOptions } from "./limits/classes.ts"
export {
  type ChannelDefinition,
  type ChannelOptions,
  type ChannelRule,
  channel,
  type HistoryOptions,
} from "./live/channel.ts"
export { escapeHtml } from "./mail/compose.ts"
export { expectRows } from "./records/atomic.ts"
export { many, one, type Relation, type RelationOptions } from "./schema/relations.ts"
export { type IncomingMessage, type IncomingWebhook, type WebhookOptions, webhook } from "./webhooks/incoming.ts"

type Definitions = Readonly<Record<string, CollectionDefinition>>

export interface BackendOptions<C extends Definitions, H = unknown, A = unknown> {
  /** The module of the schema file; what isn't a table in it is passed over. */
  tables: Readonly<Record<string, unknown>>
  collections: C
  /** How people sign in; without it nobody can, and there is no `/v1/auth`. */
  auth?: AuthOptions
  /** The module of the jobs file; what isn't a job, a reaction, a schedule or a webhook in it is passed over. */
  jobs?: Readonly<Record<string, unknown>>
  /** The module of the channels file; what isn't a channel in it is passed over. */
  channels?: H & Readonly<Record<string, unknown>>
  /** Adds the application's own routes. What it returns, `app.post(…).get(…)`, tells clients their types. */
  routes?: (app: Router<C>) => A
  /** How much each caller may ask for. */
  limits?: LimitsOptions
  /** Origins of sites on other hosts that may call from a browser, such as `https://shop.example`. */
  origins?: readonly string[]
  /** Title, version, description and license of the API, for its OpenAPI document. */
  info?: DocumentInfo
}

/** A Hono application whose handlers find the caller, the records and `atomic` in `c.var.ctx`. */
export type Router<C extends Definitions> = Hono<AppEnv<C>>

/** `C` are its collections, `H` its channels and `A` its own routes: what a client's types are made of. */
export interface Backend<C extends Definitions = Definitions, H = unknown, A = unknown> {
  readonly definitions: C
  /** Carries the types; there is nothing in it. */
  readonly client?: { readonly channels: H; readonly routes: A }
  /** The application's tables, as drizzle-kit sees them. */
  readonly tables: readonly SQLiteTable[]
  readonly collections: Collections
  readonly auth: AuthSettings | undefined
  readonly jobs: Declarations
  readonly channels: Channels
  /** Webhooks that come in. */
  readonly incoming: readonly IncomingWebhook[]
  readonly routes: ((app: Hono<AppEnv>) => unknown) | undefined
  readonly limits: Limits
  readonly origins: readonly string[]
  readonly info: DocumentInfo | undefined
}

/**
 * Checks the definitions and ties them together.
 *
 * @throws TypeError that names the place and the mend when a definition is wrong.
 * @example
 * export const backend = defineBackend({ tables, collections })
 */
export function defineBackend<const C extends Definitions, const H = unknown, A = unknown>(
  options: BackendOptions<C, H, A>,
): Backend<C, H, A> {
  const collections = compileCollections(options.collections)
  checkRules(collections)
  return {
    definitions: options.collections,
    tables: Object.values(options.tables).filter((value): value is SQLiteTable => is(value, SQLiteTable)),
    collections,
    auth: options.auth && resolveAuth(options.auth),
    jobs: collectDeclarations(Object.values(options.jobs ?? {})),
    channels: compileChannels(Object.values(options.channels ?? {})),
    incoming: collectIncoming(Object.values(options.jobs ?? {})),
    routes: options.routes as Backend["routes"],
    limits: compileLimits(options.limits ?? {}, collections),
    origins: checkOrigins(options.origins ?? []),
    info: options.info,
  }
}

function checkOrigins(origins: readonly string[]): readonly string[] {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new TypeError(
        `origins: "${origin}" is no origin; write scheme, host and port only, such as https://shop.example`,
      )
    }
  }
  return origins
}
