/** The one WebSocket of a client, and all that it carries; streams where none gets through. */

import { type Http, isPassing } from "../http.ts"
import { isOnline, watchNetwork } from "../network.ts"
import { ProblemError } from "../problem.ts"
import { queryString } from "../query-string.ts"
import type { Session } from "../session.ts"
import { call } from "../store.ts"
import { openChannel } from "./channel.ts"
import type { LiveConnection } from "./contract.ts"
import { frameText, LONGEST_WAIT_MS, refusal, type ServerMessage, waitMs } from "./frames.ts"
import { Publishes } from "./publishes.ts"
import { openSocket, type Socket } from "./socket.ts"
import { openStream } from "./stream.ts"
import { Subscriber, type Wish } from "./subscriber.ts"

/** Of one socket, at the server. */
const MOST_SUBSCRIPTIONS = 100
/** With nothing to listen to. */
const CLOSE_AFTER_MS = 3_000
/** Until it tells. */
const RETRY_MS = 1_000
/** Where a problem that passes says nothing. */
const AGAIN_AFTER_S = 5
/** For a page that has slept, or has another network. */
const WAKE_WITHIN_MS = 4_000
/** After so many in a row something seems to keep sockets away. */
const MOST_BLOCKED = 2
/** Refused, by a server that can be reached. */
const PROBE = { method: "GET", path: "/v1/live", anonymous: true }
/** While streams stand for it. */
const SOCKET_AGAIN_MS = 60_000

/** Of `src/live/close-codes.ts`. */
const UNAUTHENTICATED = 4401
const TOO_MUCH = 4429
const FAILURES_OF_TOO_MUCH = 3

/** Of problems that end the whole socket: what it was sent makes no sense. */
const OWN_FAULTS = [400, 403, 422]
const LEFT = refusal("not_found", 404, "The channel was left.")

export interface ConnectionParts {
  readonly http: Http
  readonly session: Session
  readonly webSocket: typeof WebSocket | undefined
}

export function createConnection({
  http,
  session,
  webSocket = globalThis.WebSocket as typeof WebSocket | undefined,
}: ConnectionParts): LiveConnection {
  const subscribers = new Set<Subscriber>()
  const publishes = new Publishes(send)
  let stopWatching: (() => void) | undefined
  let userId: string | undefined
  let socket: Socket | undefined
  let isReady = false
  /** Streams stand for the socket. */
  let isBlocked = false
  /** Which attempt to connect counts. */
  let attempt = 0
  let token: string | undefined
  let refused: string | undefined
  let retryMs = RETRY_MS
  let failures = 0
  /** Of them, in a row, before anything was heard. */
  let unheard = 0
  let ids = 0
  let returning: ReturnType<typeof setTimeout> | undefined
  let leaving: ReturnType<typeof setTimeout> | undefined

  function add(wish: Wish): Subscriber {
    const subscriber = new Subscriber(wish)
    subscribers.add(subscriber)
    clearTimeout(leaving)
    // not before the caller knows what it has begun
    queueMicrotask(() => {
      if (!subscribers.has(subscriber)) return
      if (!stopWatching) open()
      begin(subscriber)
    })
    return subscriber
  }

  function remove(subscriber: Subscriber): void {
    if (!subscribers.delete(subscriber)) return
    release(subscriber)
    publishes.refuse(LEFT, subscriber)
    if (subscribers.size === 0) leaving = setTimeout(shut, CLOSE_AFTER_MS)
  }

  function open(): void {
    userId = session.user.get()?.id
    const stops = [watchNetwork(look), session.user.subscribe(userChanged)]
    stopWatching = () => {
      for (const stop of stops) stop()
    }
    void connect()
  }

  function shut(): void {
    clearTimeout(leaving)
    stopWatching?.()
    stopWatching = undefined
    isBlocked = false
    hangUp()
  }

  async function connect(): Promise<void> {
    hangUp()
    const own = attempt
    try {
      token = await (refused === undefined ? http.credentials.token() : http.credentials.renew(refused))
      if (own !== attempt) return
      refused = undefined
    } catch {
      if (own === attempt) comeBack()
      return
    }
    try {
      const url = `${http.base.replace(/^http/, "ws")}/v1/live`
      if (webSocket) socket = openSocket(webSocket, url, { take, alive, lost })
      else void fallBack()
    } catch {
      lost()
    }
  }

  /** Without a word to those who listen. */
  function hangUp(): void {
    attempt++
    clearTimeout(returning)
    socket?.close()
    socket = undefined
    isReady = false
    for (const subscriber of subscribers) subscriber.id = ""
    publishes.lost()
  }

  function lost(code?: number): void {
    const wasReady = isReady
    hangUp()
    if (code === UNAUTHENTICATED) refused = token
    if (code === TOO_MUCH) failures += FAILURES_OF_TOO_MUCH
    unheard = wasReady ? 0 : unheard + 1
    if (unheard >= MOST_BLOCKED && !isBlocked) void fallBack()
    comeBack()
  }

  function comeBack(): void {
    if (!isBlocked) for (const subscriber of subscribers) subscriber.down()
    const wait = isBlocked ? SOCKET_AGAIN_MS : isOnline() ? waitMs(retryMs, failures++) : LONGEST_WAIT_MS
    returning = setTimeout(connect, wait)
  }

  /** Something keeps sockets away, unless nothing can be reached. */
  async function fallBack(): Promise<void> {
    const problem = webSocket && (await http.send(PROBE).catch((error: ProblemError) => error))
    if (isReady || isBlocked || !stopWatching || (problem instanceof ProblemError && isPassing(problem))) return
    isBlocked = true
    for (const subscriber of subscribers) if (!subscriber.isRefused) begin(subscriber)
  }

  function take(messages: readonly ServerMessage[]): void {
    for (const message of messages) {
      const { type, id, ref, seq, problem } = message
      http.sawBookmark(message.bookmark)
      const error = problem && new ProblemError(problem)
      if (type === "ready") welcome(message)
      else if (ref !== undefined) publishes.answer(ref, seq, error)
      else if (id !== undefined) {
        const subscriber = [...subscribers].find((one) => one.id === id)
        if (error && subscriber) refuse(subscriber, error)
        else subscriber?.take(message)
      } else if (error && OWN_FAULTS.includes(error.status))
        call(() => {
          throw error
        })
    }
  }

  function welcome({ retry }: ServerMessage): void {
    retryMs = retry ?? RETRY_MS
    if (isReady) return
    isReady = true
    isBlocked = false
    if (token !== undefined) send({ type: "auth", token })
    for (const subscriber of subscribers) if (!subscriber.isRefused) begin(subscriber)
  }

  /** Asks, or asks anew. */
  function begin(subscriber: Subscriber): void {
    if (!subscribers.has(subscriber)) return
    release(subscriber)
    if (isReady) ask(subscriber)
    else if (isBlocked) stream(subscriber)
  }

  function ask(subscriber: Subscriber): void {
    const { since, wish } = subscriber
    const asked = [...subscribers].filter(({ id }) => id !== "").length
    try {
      if (asked >= MOST_SUBSCRIPTIONS)
        throw refusal("rate_limited", 429, "No more than 100 lists and channels can be live at once.")
      const frame = { ...wish.frame(), id: String(++ids), since }
      frameText(frame)
      subscriber.id = frame.id
      send(frame)
      subscriber.up()
      publishes.sendOf(subscriber)
    } catch (error) {
      refuse(subscriber, error as ProblemError)
    }
  }

  function stream(subscriber: Subscriber): void {
    const path = subscriber.wish.path()
    if (path === undefined) {
      const problem = refusal("unreachable", 0, "Channels need a WebSocket, and none gets through here.")
      publishes.refuse(problem, subscriber)
      subscriber.refuse(problem, Number.POSITIVE_INFINITY)
      return
    }
    subscriber.stream = openStream(http, path, {
      since: () => subscriber.since,
      take(message) {
        http.sawBookmark(message.bookmark)
        subscriber.take(message)
      },
      up: () => subscriber.up(),
      down: () => subscriber.down(),
      fail: (problem) => refuse(subscriber, problem),
    })
  }

  function refuse(subscriber: Subscriber, problem: ProblemError): void {
    const { status, retryAfter } = problem
    release(subscriber)
    publishes.refuse(problem, subscriber)
    const afterS = retryAfter ?? (status >= 500 ? AGAIN_AFTER_S : undefined)
    if (afterS === undefined) subscriber.refuse(problem)
    else subscriber.refuse(problem, afterS * 1_000 * (1 + Math.random() / 4), () => begin(subscriber))
  }

  /** Ends what it was asked by. */
  function release(subscriber: Subscriber): void {
    if (subscriber.id !== "") send({ type: "leave", id: subscriber.id })
    subscriber.id = ""
    subscriber.end()
  }

  function send(frame: object): void {
    socket?.send(frameText(frame))
  }

  /** It stands, and stays the caller's: a session has another token half a minute before one ends. */
  async function alive(): Promise<void> {
    failures = 0
    const own = attempt
    const newest = token === undefined ? undefined : await http.credentials.token().catch(() => undefined)
    if (newest === undefined || newest === token || own !== attempt) return
    token = newest
    send({ type: "auth", token })
  }

  function userChanged(): void {
    const { id } = session.user.get() ?? {}
    if (id === userId) {
      for (const subscriber of subscribers) if (subscriber.isRefused) begin(subscriber)
      return
    }
    userId = id
    publishes.refuse(refusal("unauthenticated", 401, "Somebody else is signed in than who wrote this."))
    for (const subscriber of subscribers) {
      subscriber.forget()
      if (isBlocked) begin(subscriber)
    }
    void connect()
  }

  /** The network has changed, or the page is looked at again. */
  function look(): void {
    for (const { stream } of subscribers) stream?.wake()
    if (isReady) socket!.probe(WAKE_WITHIN_MS)
    else if (isOnline()) void connect()
  }

  return {
    follow(collection, query, listener) {
      let asked = query
      const subscriber = add({
        frame: () => ({ type: "query", collection, query: asked }),
        path: () => `/v1/${collection}${queryString(asked)}`,
        take: (message) => listener.take(message as Parameters<typeof listener.take>[0]),
        fail: (problem) => listener.fail(problem),
        connected: (isConnected) => listener.connected(isConnected),
        forget: () => listener.forget?.(),
      })
      return {
        ask(query) {
          asked = query
          subscriber.forgetPlace()
          begin(subscriber)
        },
        end: () => remove(subscriber),
      }
    },

    join(name, { presence }, state) {
      const channel = openChannel(name, presence, state, (data) => {
        if (subscriber.id !== "") send({ type: "presence", id: subscriber.id, data })
      })
      const subscriber = add(channel.wish)
      return {
        publish(event, data) {
          const { status, problem } = state.get()
          const refused = subscribers.has(subscriber) ? status === "failed" && problem : LEFT
          return refused ? Promise.reject(refused) : publishes.add(subscriber, event, data)
        },
        present: channel.present,
        leave() {
          channel.leave()
          remove(subscriber)
        },
      }
    },

    close() {
      for (const subscriber of [...subscribers]) remove(subscriber)
      shut()
    },
  }
}
