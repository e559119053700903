/** `selvedge/react`: what a client knows, in React 18 and later. */

import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react"
import type { AnyBackend, ChannelName, ChannelsOf, EventsOf } from "./client/inference.ts"
import { jsonText } from "./client/query-string.ts"
import type { Answered, ExpandPath, FieldPath, ListQuery, Selection } from "./client/query-types.ts"
import type {
  Auth,
  ChannelOptions,
  ChannelRoom,
  ChannelState,
  Client,
  LiveState,
  OutboxState,
  Store,
  TypedCollection,
  User,
} from "./client.ts"

/** One record, as `useRecord` shows it. */
export interface RecordState<R> {
  /** Undefined until it has come, and where there is none that you may read. */
  readonly record: R | undefined
  /** As of a list. */
  readonly status: LiveState<R>["status"]
  readonly problem: LiveState<R>["problem"]
  /** Whether it has own writes that have no answer yet. */
  readonly isPending: boolean
}

/** A channel, as `useChannel` shows it. */
export interface UsedChannel<E> extends ChannelState<E>, Pick<ChannelRoom<E>, "publish" | "present"> {}

/** A collection as far as its lists are concerned, whatever it holds. */
interface Watched {
  watch(query: Readonly<Record<string, unknown>>): Store<LiveState<never>>
}

const NOTHING: LiveState<never> = {
  data: [],
  status: "loading",
  problem: undefined,
  hasMore: false,
  pending: new Set(),
}
const NEVER: Store<LiveState<never>> = { get: () => NOTHING, subscribe: () => () => undefined }
const JOINING: ChannelState<never> = { status: "joining", problem: undefined, messages: [], members: [] }
const AT_REST: OutboxState = { pending: 0, isOnline: true }

/**
 * A list that keeps itself up to date, own writes included, while the component is shown; where it can't be live it is
 * read once. Components that ask for the same share what is asked.
 *
 * @param query May be written in place: it is compared by its JSON. Null asks for nothing yet.
 * @example
 * const { data, status } = useList(client.films, { genre: "Drama", sort: "-rating", limit: 20 })
 */
export function useList<C, D, const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
  collection: TypedCollection<C, D>,
  query?: ListQuery<C, D, F, E> | null,
): LiveState<Answered<C, D, F, E>> {
  return useWatched(collection as unknown as Watched, query === null ? null : jsonText(query ?? {}))
}

/**
 * One record, kept up to date like a list.
 *
 * @param id Null while it isn't known.
 * @param query `fields` and `expand`, as for `get`.
 */
export function useRecord<C, D, const F extends FieldPath<C, D> = never, const E extends ExpandPath<C, D> = never>(
  collection: TypedCollection<C, D>,
  id: string | null | undefined,
  query?: Selection<F, E>,
): RecordState<Answered<C, D, F, E>> {
  const text = id == null ? null : jsonText({ ...query, filter: { id }, limit: 1 })
  const { data, status, problem, pending } = useWatched<Answered<C, D, F, E>>(collection as unknown as Watched, text)
  return { record: data[0], status, problem, isPending: id != null && pending.has(id) }
}

/** Who is signed in, in any tab; null is nobody. On a server, and while its HTML is taken over, nobody is. */
export function useUser(client: { readonly auth: Auth }): User | null {
  const { auth } = client
  const subscribe = useCallback((changed: () => void) => auth.onAuthChange(changed), [auth])
  return useSyncExternalStore(
    subscribe,
    () => auth.user,
    () => null,
  )
}

/** Writes that have no answer yet, and whether there is a network. */
export function useStatus(client: { readonly status: Store<OutboxState> }): OutboxState {
  return useStore(client.status, AT_REST)
}

/**
 * A channel, joined while the component is shown.
 *
 * @param options Its `presence` may change, and is told then; it is compared by its JSON.
 * @example
 * const { messages, members, publish } = useChannel(client, "room:42", { presence: { seat: "A1" } })
 */
export function useChannel<B extends AnyBackend, N extends ChannelName<ChannelsOf<B>>>(
  client: Client<B>,
  name: N,
  options: ChannelOptions = {},
): UsedChannel<EventsOf<ChannelsOf<B>, N>> {
  const presence = options.presence === undefined ? undefined : jsonText(options.presence)
  const isPresent = presence !== undefined
  const joining = useMemo(() => new Joining(client as unknown as Joinable, name, isPresent), [client, name, isPresent])
  useEffect(() => {
    if (presence !== undefined) joining.present(JSON.parse(presence))
  }, [joining, presence])
  const state = useStore<ChannelState<never>>(joining, JOINING)
  const { publish, present } = joining
  return { ...state, publish, present } as unknown as UsedChannel<EventsOf<ChannelsOf<B>, N>>
}

function useStore<V>(store: Store<V>, onServer?: V): V {
  const subscribe = useCallback((changed: () => void) => store.subscribe(changed), [store])
  return useSyncExternalStore(
    subscribe,
    () => store.get(),
    () => onServer ?? store.get(),
  )
}

function useWatched<R>(collection: Watched, text: string | null): LiveState<R> {
  const store = useMemo(
    () => (text === null ? NEVER : collection.watch(JSON.parse(text) as Readonly<Record<string, unknown>>)),
    [collection, text],
  )
  return useStore<LiveState<unknown>>(store, NOTHING) as LiveState<R>
}

interface Joinable {
  channel(name: string, options: ChannelOptions): ChannelRoom<never>
}

/** A channel that is joined with the subscription, and left with its end. */
class Joining implements Store<ChannelState<never>> {
  readonly #client: Joinable
  readonly #name: string
  readonly #isPresent: boolean
  #presence: unknown
  #room: ChannelRoom<never> | undefined

  constructor(client: Joinable, name: string, isPresent: boolean) {
    this.#client = client
    this.#name = name
    this.#isPresent = isPresent
  }

  get(): ChannelState<never> {
    return this.#room?.get() ?? JOINING
  }

  subscribe(changed: () => void): () => void {
    const room = this.#client.channel(this.#name, this.#isPresent ? { presence: this.#presence } : {})
    const stop = room.subscribe(changed)
    this.#room = room
    return () => {
      stop()
      room.leave()
      this.#room = undefined
    }
  }

  readonly publish: ChannelRoom<never>["publish"] = async (event, data) => {
    if (!this.#room) throw new TypeError(`The channel ${this.#name} isn't shown: publish from an event or an effect.`)
    return this.#room.publish(event, data)
  }

  readonly present = (data: unknown): void => {
    this.#presence = data
    this.#room?.present(data)
  }
}
