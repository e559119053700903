/** Who calls in the tests of live queries, and their requests through the Worker. */

import { evictDurableObject, listDurableObjectIds } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { createTokens } from "../../src/auth/tokens.ts"
import type { FeedObject } from "../../src/changes/feed-object.ts"
import { type Message, newAddress, worker } from "./client.ts"

const HOUR_S = 3_600

const tokens = createTokens({ db: env.DB, secret: env.SELVEDGE_SECRET, now: Date.now })

export interface Person {
  readonly id: string
  readonly token: string
  /** The id of its session; empty for one whose token stands alone. */
  readonly session: string
}

export interface PersonOptions {
  readonly roles?: readonly string[]
  readonly name?: string
  /** Of the token. */
  readonly seconds?: number
}

/** Somebody with an account and a session. */
export async function newPerson({ roles = [], name, seconds = HOUR_S }: PersonOptions = {}): Promise<Person> {
  const person = { id: newId(), session: newId() }
  const now = Date.now()
  await env.DB.batch([
    env.DB.prepare("INSERT INTO _users (id, created_at, updated_at, name, roles) VALUES (?1, ?2, ?2, ?3, ?4)").bind(
      person.id,
      now,
      name ?? null,
      JSON.stringify(roles),
    ),
    env.DB.prepare(
      `INSERT INTO _sessions (id, user_id, generation, refresh_hash, rotated_at, aal, amr, created_at, authenticated_at,
  last_used_at, idle_at, expires_at) VALUES (?1, ?2, 0, ?1, ?3, 1, '["test"]', ?3, ?3, ?3, ?4, ?4)`,
    ).bind(person.session, person.id, now, now + HOUR_S * 1_000),
  ])
  return { ...person, token: await tokenOf(person, { roles, seconds }) }
}

/** Another token of the same session. */
export function tokenOf(
  { id, session }: Pick<Person, "id" | "session">,
  { roles = [], seconds = HOUR_S }: PersonOptions = {},
): Promise<string> {
  return tokens.sign({ subject: id, roles, sessionId: session, lifetimeSeconds: seconds })
}

/** The application's own token: rules don't bind it. */
export function serviceToken(): Promise<string> {
  return tokens.sign({ service: true, lifetimeSeconds: HOUR_S })
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body: any
}

/** @param token Undefined for the anonymous caller. */
export async function call(
  method: string,
  path: string,
  token?: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await worker.fetch(`http://edge.example${path}`, {
    method,
    headers: {
      "CF-Connecting-IP": newAddress(),
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) }
}

/** Writes as the service. @throws Error when it is refused. */
async function write(method: string, path: string, body?: unknown): Promise<Message> {
  const answer = await call(method, path, await serviceToken(), body)
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

export const create = (collection: string, body: object) => write("POST", `/v1/${collection}`, body)
export const update = (collection: string, id: string, body: object) => write("PATCH", `/v1/${collection}/${id}`, body)
export const remove = (collection: string, id: string) => write("DELETE", `/v1/${collection}/${id}`)

/** All records of a list, page by page. */
export async function list(path: string, token?: string): Promise<Message[]> {
  const records: Message[] = []
  for (let after = ""; ; ) {
    const { status, body } = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=100${after}`, token)
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
    records.push(...body.data)
    if (body.page.next === null) return records
    after = `&after=${encodeURIComponent(body.page.next)}`
  }
}

interface Objects {
  readonly FEED: DurableObjectNamespace<FeedObject>
  readonly HUB: DurableObjectNamespace
  readonly TOPIC: DurableObjectNamespace
}
const objects = env as unknown as Objects

/** Resolves when the feed has handed on what is committed. */
export async function fed(): Promise<void> {
  await objects.FEED.getByName("feed").drained()
}

/** Takes the objects of a kind out of memory; sockets of hubs sleep on, or are closed. */
export async function evict(kind: keyof Objects, webSockets: "hibernate" | "close" = "hibernate"): Promise<void> {
  const namespace = objects[kind] as DurableObjectNamespace
  const ids = await listDurableObjectIds(namespace)
  // one that isn't in memory refuses
  await Promise.allSettled(ids.map((id) => evictDurableObject(namespace.get(id), { webSockets })))
}
