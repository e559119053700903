/**
 * `selvedge/client`: a backend from a browser, from Node, Deno and Bun, and from another Worker.
 */

import { type Auth, authOf } from "./client/auth.ts"
import type { ChannelOptions, ChannelRoom } from "./client/channel-types.ts"
import { Collection, type Operation, runBatch } from "./client/collection.ts"
import type { BatchOf, BatchOperation, BatchResults, CollectionsOf } from "./client/collection-types.ts"
import { Http } from "./client/http.ts"
import type { AnyBackend, ChannelName, ChannelsOf, EventsOf } from "./client/inference.ts"
import { named } from "./client/later.ts"
import type { CallOptions } from "./client/list-request.ts"
import type { ListClient } from "./client/live/contract.ts"
import { joinChannel } from "./client/live-entry.ts"
import { createOutbox, type OutboxState, stillBy } from "./client/outbox.ts"
import { browser } from "./client/platform.ts"
import type { AnswerOf, MethodOf, PathOf, RequestArguments, RequestOptions, RoutesOf } from "./client/route-types.ts"
import { Session } from "./client/session.ts"
import type { Keeping } from "./client/storage.ts"
import type { Store } from "./client/store.ts"

export type {
  AccountSession,
  ApiKey,
  Identity,
  KeyScope,
  NewApiKey,
  Passkey,
  Provider,
  User,
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
export type {
  BatchCollection,
  BatchOperation,
  CollectionClient,
  LiveCollectionClient,
  TypedCollection,
} from "./client/collection-types.ts"
export type { AnyBackend, UntypedRecord } from "./client/inference.ts"
export type { CallOptions, ListRequest, PageOf } from "./client/list-request.ts"
export type { LiveState } from "./client/live-types.ts"
export type { OutboxState } from "./client/outbox.ts"
export type { TextStorage } from "./client/platform.ts"
export { isProblem, type KnownCode, ProblemError } from "./client/problem.ts"
export type { LeaveOptions, Returned } from "./client/redirect.ts"
export type { Keeping } from "./client/storage.ts"
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

export type ClientMethods<B extends AnyBackend> = {
  /** Signing in and out, and the own account. */
  readonly auth: Auth
  /** Writes that have no answer yet, and whether there is a network. */
  readonly status: Store<OutboxState>
  /** Up to 100 writes, all or nothing. @throws ProblemError of the first that is refused, its index as `operation`. */
  batch<const O extends readonly BatchOperation<unknown>[]>(
    operations: (to: BatchOf<B["definitions"]>) => O,
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

export type Client<B extends AnyBackend = AnyBackend> = ClientMethods<B> &
  CollectionsOf<B["definitions"], keyof ClientMethods<AnyBackend>>

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
  const outbox = createOutbox(http, session.user)
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
    auth: authOf(http, session),
    status: outbox.state,
    batch: async (make: (to: unknown) => readonly Operation[], batchOptions?: CallOptions) =>
      runBatch(outbox, make(named((name) => collection(name).operations)), batchOptions),
    request: async (method: string, path: string, { query = {}, params, body, key, signal }: RequestOptions = {}) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined)
      const search = given.length > 0 ? `?${new URLSearchParams(given as [string, string][])}` : ""
      const filled = params ? path.replace(PARAMETER, (_, name) => encodeURIComponent(params[name] ?? "")) : path
      const intent = key !== undefined && { key, check: stillBy(session.user) }
      return (await http.send({ method, path: filled + search, body, signal, ...intent })).body
    },
    channel: (name: string, channelOptions: ChannelOptions = {}) => joinChannel(load, name, channelOptions),
    close: () => void live?.then(({ connection }) => connection.close()).catch(() => undefined),
  }
  return named((name) => methods[name as keyof typeof methods] ?? collection(name)) as Client<B>
}

function originOf(url: string | undefined): string {
  const { href } = browser.location ?? {}
  return new URL(url ?? href ?? "", href).origin
}
