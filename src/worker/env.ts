/** The bindings, variables and secrets of a Worker. The environment is read in this folder only. */

import { createSecrets } from "../auth/secrets.ts"
import { ResponseCache } from "../cache/response-cache.ts"
import { FEED_NAME } from "../changes/feed-object.ts"
import type { SinkStatus } from "../changes/sink.ts"
import type { LivePublisher } from "../core/publish.ts"
import type { Backend } from "../index.ts"
import { CLOCK_NAME } from "../jobs/clock.ts"
import type { ClockStub, JobMessage } from "../jobs/dispatch.ts"
import type { Limiter } from "../limits/limiter.ts"
import type { HubStub, LiveNamespace, TopicStub } from "../live/objects.ts"
import { createPublisher } from "../live/publisher.ts"
import type { EmailBinding } from "../mail/cloudflare.ts"
import { openTransport } from "../mail/transport.ts"
import type { BackgroundOptions } from "./background.ts"

/** As much of a Durable Object's namespace as is needed. */
export interface Namespace<S> {
  getByName(name: string): S
}

/** The feed, as seen from outside. */
export interface FeedStub {
  wake(): Promise<void>
  prune(): Promise<void>
  status(): Promise<SinkStatus[]>
}

/** The bindings and secrets that the engine reads. */
export interface Env {
  DB: D1Database
  CACHE: KVNamespace
  LIMITER: DurableObjectNamespace<Limiter>
  FEED: Namespace<FeedStub>
  CLOCK: Namespace<ClockStub>
  HUB: LiveNamespace<HubStub>
  TOPIC: LiveNamespace<TopicStub>
  JOBS: Queue<JobMessage>
  /** At least 32 random characters; everything that is signed, encrypted or peppered goes back to it. */
  SELVEDGE_SECRET: string
  /** The secret before, for as long as something made with it is to be read. */
  SELVEDGE_SECRET_PREVIOUS?: string
  /** `true` on a developer's machine alone: mails are caught, and shown to admins; webhooks may call this machine. */
  SELVEDGE_LOCAL?: string
  /** Mail through Resend. */
  RESEND_API_KEY?: string
  /** Mail through Cloudflare. */
  EMAIL?: EmailBinding
}

export type Log = (line: Record<string, unknown> & { level: "info" | "error" }) => void

export const log: Log = (line) => (line.level === "error" ? console.error : console.log)(JSON.stringify(line))

export const now = () => Date.now()

export function isLocal(env: Env): boolean {
  return env.SELVEDGE_LOCAL === "true"
}

/** A variable that is empty is none. */
export function variable(env: Env, name: string): string | undefined {
  const value: unknown = Reflect.get(env, name)
  return typeof value === "string" && value !== "" ? value : undefined
}

/** One memory for the isolate: when the clock is known to wake. */
const state = { clockWakesAt: 0 }

let cache: ResponseCache | undefined

/** One for the isolate: what its jobs write, its requests see. */
export function cacheOf({ collections }: Backend, env: Env): ResponseCache {
  cache ??= new ResponseCache({ kv: env.CACHE, collections, now, log })
  return cache
}

export function dispatchOf(env: Env): BackgroundOptions["dispatch"] {
  return {
    queue: { sendBatch: (messages) => env.JOBS.sendBatch([...messages]) },
    clock: { wakeBy: (at) => env.CLOCK.getByName(CLOCK_NAME).wakeBy(at) },
    state,
  }
}

/** A backend without channels never asks for a topic. */
export function publisherOf({ channels }: Backend, env: Env): LivePublisher {
  return createPublisher(channels, env.TOPIC)
}

export function feedOf(env: Env): FeedStub {
  return env.FEED.getByName(FEED_NAME)
}

export function transportOf(backend: Backend, env: Env) {
  const mail = { resendKey: variable(env, "RESEND_API_KEY"), binding: env.EMAIL }
  const from = backend.auth?.from ?? { email: "no-reply@localhost" }
  return openTransport({ ...mail, isLocal: isLocal(env), from, d1: env.DB, now, log })
}

export function backgroundOf(backend: Backend, env: Env): BackgroundOptions {
  return {
    backend,
    d1: env.DB,
    kv: env.CACHE,
    topics: env.TOPIC,
    cache: cacheOf(backend, env),
    dispatch: dispatchOf(env),
    publisher: publisherOf(backend, env),
    feed: {
      wake: () => feedOf(env).wake(),
      prune: () => feedOf(env).prune(),
      status: () => feedOf(env).status(),
    },
    secrets: createSecrets(env.SELVEDGE_SECRET, env.SELVEDGE_SECRET_PREVIOUS),
    fetch: (url, init) => fetch(url, init),
    transport: transportOf(backend, env),
    variable: (name) => variable(env, name),
    isLocal: isLocal(env),
    now,
    log,
  }
}
