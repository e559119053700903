/**
 * `selvedge/client`: a backend from a browser, from Node, Deno and Bun, and from another Worker.
 */

import { Auth } from "./client/auth.ts"
import type { ChannelOptions, ChannelRoom } from "./client/channel-types.ts"
import { Collection, type Operation, runBatch, type Target } from "./client/collection.ts"
import { Http } from "./client/http.ts"
import type {
  AnyBackend,
  ChannelName,
  ChannelsOf,
  CreateOf,
  EventsOf,
  RecordOf,
  Untyped,
  UpdateOf,
} from "./client/inference.ts"
import type { CallOptions, ListRequest } from "./client/list-request.ts"
import type { ListClient } from "./client/live/contract.ts"
import { joinChannel } from "./client/live-entry.ts"
import type { LiveState } from "./client/live-types.ts"
import { Outbox, type OutboxState } from "./client/outbox.ts"
import { browser } from "./client/platform.ts"
import type {
  Aggregate,
  AggregateQuery,
  AggregateRow,
  Answered,
  ExpandPath,
  FieldPath,
  Grouped,
  ListQuery,
  LiveQuery,
  Selection,
} from "./client/query-types.ts"
import type { AnswerOf, MethodOf, PathOf, RequestArguments, RequestOptions, RoutesOf } from "./client/route-types.ts"
import { type Keeping, Session } from "./client/session.ts"
import type { Store } from "./client/store.ts"

export type {
  AccountSession,
  ApiKey,
  Identity,
  KeyScope,
  NewApiKey,
  Passkey,
  Provider,
} from "./client/account.ts"
export type { Auth } from "./client/auth.ts"
export type { MfaTicket, SignedIn } from "./client/auth-requests.ts"
export type {
  ChannelMember,
  ChannelMessage,
  ChannelOptions,
  ChannelRoom,
  ChannelState,
} from "./client/channel-types.ts"
export type { Target } from "./client/collection.ts"
export type { AnyBackend, UntypedRecord } from "./client/inference.ts"
export type { CallOptions, ListRequest, PageOf } from "./client/list-request.ts"
export type { LiveState } from "./client/live-types.ts"
export type { OutboxState } from "./client/outbox.ts"
export type { TextStorage } from "./client/platform.ts"
export { isProblem, type KnownCode, ProblemError } from "./client/problem.ts"
export type { LeaveOptions, Returned } from "./client/redirect.ts"
export type { Keeping, User } from "./client/session.ts"
export type { Store } from "./client/store.ts"

/** `:id`, also with a pattern or as optional: `:id{[0-9]+}`, `:id?`. */
const PARAMETER = /:(\w+)(?:\{[^}]*\})?\??/g

export interface ClientOptions {
  /**
   * What keeps the refresh token: `local` over visits (where there is a `localStorage`), `session` until the tab is
   * closed, `memory` until the page is left, `cookie` for a site of the API's own domain (no script can read it), or
   * your own. `local` unless told.
   */
  storage?: Keeping
  /** An API key, a service key or an access token, for programs; nobody then signs in. */
  token?: string
  /** Such as that of a service binding. */
  fetch?: typeof fetch
  webSocket?: typeof WebSocket
}

/** The operations that a batch is made of. */
export interface BatchCollection<D> {
  create(input: CreateOf<D>): BatchOperation<RecordOf<D>>
  update(target: Target, patch: UpdateOf<D>): BatchOperation<RecordOf<D>>
  replace(target: Target, input: CreateOf<D>): BatchOperation<RecordOf<D>>
  delete(target: Target): BatchOperation<undefined>
}

declare const carried: unique symbol

export interface BatchOperation<R> extends Operation {
  /** Carries a type; there is nothing in it. */
  readonly [carried]?: { readonly gives: R }
}

type BatchResults<O extends readonly BatchOperation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends BatchOperation<infer R> ? R : never
}

/** Any collection, for functions that take one: `C` are all definitions of the backend and `D` is its own. */
export interface TypedCollection<C, D> {
  /** Carries the types; there is nothing in it. */
  readonly [carried]?: { readonly all: C; readonly one: D }
}

/** One collection. */
export interface CollectionClient<C, D> extends TypedCollection<C, D> {
  /** One page when awaited; all records, page after page, by `for await`. */
  list<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query?: ListQuery<C, D, F, E>,
    options?: CallOptions,
  ): ListRequest<Answered<C, D, F, E>>
  /** @throws ProblemError `not_found`, also for what you may not read. */
  get<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    id: string,
    query?: Selection<F, E>,
    options?: CallOptions,
  ): Promise<Answered<C, D, F, E>>
  /** The best matches first; the last word may be a beginning. */
  search<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    q: string,
    query?: ListQuery<C, D, F, E>,
    options?: CallOptions,
  ): ListRequest<Answered<C, D, F, E>>
  count(query?: ListQuery<C, D>, options?: CallOptions): Promise<number>
  /** Groups, the most frequent first. */
  aggregate<const A extends Aggregate<D>, const G extends Grouped<D> = never>(
    query: AggregateQuery<C, D, A, G>,
    options?: CallOptions,
  ): Promise<readonly AggregateRow<D, A, G>[]>

  /**
   * Writes are shown in live lists at once and sent in their order, one after the other. While there is no network they
   * wait. What is refused is taken back, and the promise rejects. Each goes out under one `Idempotency-Key`, so that
   * however often it is sent it happens once.
   */
  create(input: CreateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  /** @param target A record, which nobody else may have changed meanwhile (`precondition_failed`), or an id. */
  update(target: Target, patch: UpdateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  /** What is left out becomes its default, or null. An id that isn't there is created. */
  replace(target: Target, input: CreateOf<D>, options?: CallOptions): Promise<RecordOf<D>>
  delete(target: Target, options?: CallOptions): Promise<void>

  /**
   * A list as a store, for frameworks: it asks while somebody subscribes, and follows each change. What isn't live is
   * read once.
   */
  watch<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query: ListQuery<C, D, F, E>,
  ): Store<LiveState<Answered<C, D, F, E>>>
}

/** A collection that is declared `live: true`. */
export interface LiveCollectionClient<C, D> extends CollectionClient<C, D> {
  /** Calls with the whole list, sorted and limited, at first and after each change. @returns Ends it. */
  live<const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
    query: LiveQuery<C, D, F, E>,
    changed: (records: readonly Answered<C, D, F, E>[], state: LiveState<Answered<C, D, F, E>>) => void,
  ): () => void
}

export interface ClientMethods<B extends AnyBackend> {
  readonly auth: Auth
  /** Writes that have no answer yet, and whether there is a network. */
  readonly status: Store<OutboxState>
  /** Up to 100 writes, all or nothing. @throws ProblemError of the first that is refused, its index as `operation`. */
  batch<const O extends readonly BatchOperation<unknown>[]>(
    operations: (to: Batch<B["definitions"]>) => O,
    options?: CallOptions,
  ): Promise<BatchResults<O>>
  /** Joins a channel. */
  channel<N extends ChannelName<ChannelsOf<B>>>(
    name: N,
    options?: ChannelOptions,
  ): ChannelRoom<EventsOf<ChannelsOf<B>, N>>
  /**
   * A route of the application's own. `routes` of `defineBackend` tells its types by what it returns:
   * `return app.post(…).get(…)`.
   *
   * @returns Its JSON.
   * @example
   * const order = await client.request("POST", "/v1/checkout", { body: {}, key: crypto.randomUUID() })
   */
  request<M extends MethodOf<RoutesOf<B>>, P extends PathOf<RoutesOf<B>, M>>(
    method: M,
    path: P,
    ...options: RequestArguments<RoutesOf<B>, M, P>
  ): Promise<AnswerOf<RoutesOf<B>, M, P>>
  /** Ends the connection; what is live stays as it was. */
  close(): void
}

/** The names of the definitions `C`, each with what the client has for it. */
type Batch<C> = string extends keyof C
  ? { readonly [name: string]: BatchCollection<Untyped> }
  : { readonly [K in keyof C]: BatchCollection<C[K]> }
type Collections<C> = string extends keyof C
  ? { readonly [name: string]: LiveCollectionClient<Untyped, Untyped> }
  : { readonly [K in Exclude<keyof C, keyof ClientMethods<AnyBackend>>]: OneOf<C, C[K]> }
type OneOf<C, D> = D extends { readonly traits?: { readonly live: true } }
  ? LiveCollectionClient<C, D>
  : CollectionClient<C, D>

export type Client<B extends AnyBackend = AnyBackend> = ClientMethods<B> & Collections<B["definitions"]>

/**
 * @param url The API's origin, such as `https://api.example.net`; the page's own unless told.
 * @example
 * import type { backend } from "../api/app/backend.ts"
 * const client = createClient<typeof backend>("https://api.example.net")
 * const { data } = await client.films.list({ genre: "Drama", sort: "-rating", expand: ["director"] })
 */
export function createClient<B extends AnyBackend = AnyBackend>(url?: string, options: ClientOptions = {}): Client<B> {
  const http = new Http({ base: originOf(url), fetch: options.fetch ?? ((...request) => fetch(...request)) })
  const session = new Session({ http, keeping: options.storage ?? "local", token: options.token })
  const outbox = new Outbox(http, session.user)
  let live: Promise<ListClient> | undefined
  const load = () => {
    live ??= import("./client/live/open.ts").then(
      ({ openLive }) => openLive({ http, session, outbox, webSocket: options.webSocket }),
      (error: unknown) => {
        live = undefined
        throw error
      },
    )
    return live
  }
  const collections = new Map<string, Collection>()
  const collection = (name: string): Collection => {
    const found = collections.get(name) ?? new Collection(name, http, outbox, load)
    collections.set(name, found)
    return found
  }
  const methods = {
    auth: new Auth(http, session),
    status: outbox.state,
    batch: async (make: (to: unknown) => readonly Operation[], batchOptions?: CallOptions) =>
      runBatch(outbox, make(named((name) => collection(name).operations)), batchOptions),
    request: async (method: string, path: string, { query = {}, params, body, key, signal }: RequestOptions = {}) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined)
      const search = given.length > 0 ? `?${new URLSearchParams(given as [string, string][])}` : ""
      const filled = params ? path.replace(PARAMETER, (_, name) => encodeURIComponent(params[name] ?? "")) : path
      return (await http.send({ method, path: filled + search, body, signal, ...(key !== undefined && { key }) })).body
    },
    channel: (name: string, channelOptions: ChannelOptions = {}) => joinChannel(load, name, channelOptions),
    close: () => void live?.then(({ connection }) => connection.close()),
  }
  return named((name) => methods[name as keyof typeof methods] ?? collection(name)) as Client<B>
}

/** Any property, by its name. A promise asks for `then`, and must not find it. */
function named(find: (name: string) => unknown): unknown {
  return new Proxy({}, { get: (_, name) => (typeof name === "symbol" || name === "then" ? undefined : find(name)) })
}

function originOf(url: string | undefined): string {
  const { href } = browser.location ?? {}
  return new URL(url ?? href ?? "", href).origin
}
