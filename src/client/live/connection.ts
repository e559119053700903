/** The one WebSocket of a client, and all that it carries; streams where none gets through. */

import { type Http, isPassing } from "../http.ts"
import { isOnline, watchNetwork } from "../network.ts"
import { isProblem, ProblemError, refusal } from "../problem.ts"
import { queryString } from "../query-string.ts"
import type { Session } from "../session.ts"
import type { Line } from "./channel.ts"
import type { LiveConnection } from "./contract.ts"
import { frameText, LONGEST_WAIT_MS, type ServerMessage, waitMs } from "./frames.ts"
import { openSocket, type Socket } from "./socket.ts"
import { Subscriber, type Wish } from "./subscriber.ts"

/** Of one socket, at the server. */
const MOST_SUBSCRIPTIONS = 100
/** With nothing to listen to. */
const CLOSE_AFTER_MS = 3_000
/** Until the server tells. */
const RETRY_MS = 1_000
/** Where a problem that passes says nothing. */
const AGAIN_AFTER_S = 5
/** For a page that has slept, or has another network. */
const WAKE_WITHIN_MS = 4_000
/** Refused, by a server that can be reached. */
const PROBE = { method: "GET", path: "/v1/live", anonymous: true }
/** While streams stand for it. */
const SOCKET_AGAIN_MS = 60_000
/** Of `src/live/close-codes.ts`. */
const UNAUTHENTICATED = 4401
const TOO_MUCH = 4429
const FAILURES_OF_TOO_MUCH = 3

export interface ConnectionParts {
  readonly http: Http
  readonly session: Session
  readonly webSocket: typeof WebSocket | undefined
}

export function createConnection(parts: ConnectionParts): LiveConnection {
  const { http, session, webSocket = globalThis.WebSocket as typeof WebSocket | undefined } = parts
  const subscribers = new Set<Subscriber>()
  /** While something is listened to. */
  let stopWatching: (() => void) | undefined
  let userId: string | undefined
  let socket: Socket | undefined
  let isReady = false
  /** Where they stand for the socket. */
  let streams: typeof import("./stream.ts") | undefined
  /** Which attempt to connect counts. */
  let attempt = 0
  let token: string | undefined
  let refused: string | undefined
  let retryMs = RETRY_MS
  let failures = 0
  /** The server answers requests, though no socket has been heard since. */
  let isReachable = false
  let ids = 0
  let returning: ReturnType<typeof setTimeout> | undefined
  let leaving: ReturnType<typeof setTimeout> | undefined

  function subscribe(wish: Wish): Line & { ask(): void } {
    const subscriber = new Subscriber(wish)
    subscribers.add(subscriber)
    clearTimeout(leaving)
    // not for what is ended at once, and not before the caller knows what it has begun
    setTimeout(() => {
      if (!stopWatching && subscribers.size > 0) open()
      begin(subscriber)
    })
    return {
      send: (frame) => subscriber.id !== "" && send({ ...frame, id: subscriber.id }),
      ask() {
        subscriber.forgetPlace()
        begin(subscriber)
      },
      end() {
        if (!subscribers.delete(subscriber)) return
        release(subscriber)
        if (subscribers.size === 0) leaving = setTimeout(shut, CLOSE_AFTER_MS)
      },
    }
  }

  function open(): void {
    userId = session.user.get()?.id
    const stopLooking = watchNetwork(look)
    const stopHearing = session.user.subscribe(userChanged)
    stopWatching = () => {
      stopLooking()
      stopHearing()
    }
    void connect()
  }

  function shut(): void {
    clearTimeout(leaving)
    stopWatching?.()
    stopWatching = streams = undefined
    isReachable = false
    hangUp()
  }

  async function connect(): Promise<void> {
    hangUp()
    const own = attempt
    try {
      const given = await http.tokenAfter(refused)
      if (own !== attempt) return
      token = given
      refused = undefined
    } catch {
      if (own === attempt) comeBack()
      return
    }
    if (!webSocket) return openStreams()
    try {
      socket = openSocket(webSocket, `${http.base.replace(/^http/, "ws")}/v1/live`, { take, alive, lost })
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
    for (const subscriber of subscribers) {
      subscriber.id = ""
      subscriber.wish.lost?.()
    }
  }

  function lost(code?: number): void {
    if (code === UNAUTHENTICATED) tokenEnded()
    if (code === TOO_MUCH) failures += FAILURES_OF_TOO_MUCH
    if (!isReady && !streams) void (isReachable ? openStreams() : reach())
    hangUp()
    comeBack()
  }

  function tokenEnded(): void {
    if (session.given === undefined) refused = token
    else
      for (const subscriber of subscribers) refuse(subscriber, refusal("unauthenticated", 401, "The token has ended."))
  }

  function comeBack(): void {
    if (!streams) for (const subscriber of subscribers) subscriber.down()
    const wait = streams ? SOCKET_AGAIN_MS : isOnline() ? waitMs(retryMs, failures++) : LONGEST_WAIT_MS
    returning = setTimeout(connect, wait)
  }

  /** Where requests get through, what keeps a socket away is tried once more, and then done without. */
  async function reach(): Promise<void> {
    const answer = await http.send(PROBE).catch((error: unknown) => error)
    if (isReady || isReachable || !stopWatching || (isProblem(answer) && isPassing(answer))) return
    isReachable = true
    void connect()
  }

  async function openStreams(): Promise<void> {
    const loaded = await import("./stream.ts").catch(() => undefined)
    if (isReady || streams || !stopWatching) return
    streams = loaded
    for (const subscriber of subscribers) if (!subscriber.isRefused) begin(subscriber)
  }

  function take(messages: readonly ServerMessage[]): void {
    for (const message of messages) {
      const { type, id, ref, problem } = message
      http.sawBookmark(message.bookmark)
      const subscriber = [...subscribers].find((one) => one.id === id)
      if (type === "ready") welcome(message)
      else if (ref !== undefined) for (const { wish } of subscribers) wish.answer?.(message)
      else if (!problem) subscriber?.take(message)
      else if (subscriber) refuse(subscriber, new ProblemError(problem))
    }
  }

  /** @param message The first one of a socket, or the answer to `auth`. */
  function welcome({ retry }: ServerMessage): void {
    retryMs = retry ?? RETRY_MS
    if (isReady) return
    isReady = true
    isReachable = false
    streams = undefined
    if (token !== undefined) send({ type: "auth", token })
    for (const subscriber of subscribers) if (!subscriber.isRefused) begin(subscriber)
  }

  /** Asks, or asks anew. */
  function begin(subscriber: Subscriber): void {
    if (!subscribers.has(subscriber)) return
    release(subscriber)
    if (isReady) ask(subscriber)
    else subscriber.stream = streams?.openStream(http, subscriber, (problem) => refuse(subscriber, problem))
  }

  function ask(subscriber: Subscriber): void {
    const { since, wish } = subscriber
    const id = String(++ids)
    try {
      if ([...subscribers].filter(({ id }) => id).length >= MOST_SUBSCRIPTIONS)
        throw refusal("rate_limited", 429, "More than 100 lists and channels.")
      send({ ...wish.frame(), id, since })
    } catch (error) {
      refuse(subscriber, error as ProblemError)
      return
    }
    subscriber.id = id
    subscriber.up()
    wish.asked?.()
  }

  function refuse(subscriber: Subscriber, problem: ProblemError): void {
    const { status, retryAfter } = problem
    release(subscriber)
    const afterS = retryAfter ?? (status >= 500 ? AGAIN_AFTER_S : undefined)
    subscriber.fail(problem, afterS, () => begin(subscriber))
  }

  /** Ends what it was asked by. */
  function release(subscriber: Subscriber): void {
    if (subscriber.id !== "") send({ type: "leave", id: subscriber.id })
    subscriber.id = ""
    subscriber.stream?.close()
    subscriber.stream = undefined
    subscriber.rest()
  }

  function send(frame: object): boolean {
    socket?.send(frameText(frame))
    return true
  }

  /** It stands, and stays the caller's: a session has another token half a minute before one ends. */
  async function alive(): Promise<void> {
    failures = 0
    const own = attempt
    const newest = token && (await http.credentials.token().catch(() => undefined))
    if (!newest || newest === token || own !== attempt) return
    token = newest
    send({ type: "auth", token })
  }

  function userChanged(): void {
    const { id } = session.user.get() ?? {}
    const isOther = id !== userId
    userId = id
    if (isOther) {
      void connect()
      for (const subscriber of subscribers) subscriber.forget()
    }
    for (const subscriber of subscribers) if (isOther ? streams : subscriber.isRefused) begin(subscriber)
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
      const line = subscribe({
        ...listener,
        take: listener.take as Wish["take"],
        frame: () => ({ type: "query", collection, query: asked }),
        path: () => `/v1/${collection}${queryString(asked)}`,
      })
      return {
        ask(query) {
          asked = query
          line.ask()
        },
        end: line.end,
      }
    },

    join: async (name, options, state) => (await import("./channel.ts")).joinChannel(subscribe, name, options, state),

    close() {
      for (const subscriber of subscribers) release(subscriber)
      subscribers.clear()
      shut()
    },
  }
}
