/** A client of `/v1/live` as a page would have it: it comes back by itself, and says what it has seen. */

import { setTimeout as wait } from "node:timers/promises"
import type { Message } from "../../live/client.ts"

/** A client in a channel is gone without it. */
const PING_MS = 10_000
const LOOK_EVERY_MS = 30
/** Until the first `ready` tells. */
const RETRY_MS = 1_000

export interface ListenerOptions {
  /** Of the server, asked before each connection; undefined while it is down. */
  url(): string | undefined
  readonly token?: string | undefined
  /** Frames of the types `query` and `join`, without `since`. */
  readonly subscriptions: readonly Message[]
  /** @param connection 1, 2, … */
  take(frame: readonly Message[], connection: number): void
  closed?(code: number): void
  readonly random?: () => number
}

export interface Listener {
  /** @returns False where there is no connection at the moment, or it has nothing to listen to yet. */
  send(message: Message): boolean
  /** Closes the connection; comes back once {@link Listener.back} is called. */
  away(): void
  back(): void
  /** Resolves when its last connection has ended. */
  stop(): Promise<void>
}

export function listen(options: ListenerOptions): Listener {
  const { url, token, subscriptions, take, closed, random = Math.random } = options
  const seen = new Map<string, string>()
  let socket: WebSocket | undefined
  let connections = 0
  let retryMs = RETRY_MS
  let isWelcome = false
  let isAway = false
  let isStopped = false

  async function run(): Promise<void> {
    while (!isStopped) {
      const base = isAway ? undefined : url()
      if (base) await connection(base)
      await wait(base && !isAway ? random() * retryMs : LOOK_EVERY_MS)
    }
  }

  function connection(base: string): Promise<void> {
    const current = new WebSocket(`${base.replace(/^http/, "ws")}v1/live`)
    socket = current
    isWelcome = false
    connections++
    const pings = setInterval(() => send("ping"), PING_MS)
    current.addEventListener("message", ({ data }) => hear(String(data)))
    return new Promise((resolve) => {
      current.addEventListener("close", ({ code }) => {
        clearInterval(pings)
        socket = undefined
        closed?.(code)
        resolve()
      })
    })
  }

  function hear(text: string): void {
    if (text === "pong") return
    const parsed = JSON.parse(text) as Message | Message[]
    const frame = Array.isArray(parsed) ? parsed : [parsed]
    for (const { id, seq } of frame) if (id !== undefined && seq !== undefined) seen.set(id, seq)
    take(frame, connections)
    for (const message of frame) {
      if (message.type === "ready") welcome(message)
      else if (message.type === "problem" && message.ref === undefined) void askAgain(message)
    }
  }

  function welcome({ retry, userId }: Message): void {
    retryMs = retry
    if (token !== undefined && userId === undefined) send(JSON.stringify({ type: "auth", token }))
    else {
      for (const subscription of subscriptions) subscribe(subscription)
      isWelcome = true
    }
  }

  /** What can't be reached at the moment can be a little later. */
  async function askAgain({ id, problem }: Message): Promise<void> {
    const subscription = subscriptions.find((known) => known.id === id)
    if (!subscription || problem.status < 500) return
    const asked = connections
    await wait(random() * retryMs)
    if (asked === connections) subscribe(subscription)
  }

  function subscribe(subscription: Message): void {
    send(JSON.stringify({ ...subscription, since: seen.get(subscription.id) }))
  }

  function send(text: string): boolean {
    if (socket?.readyState !== WebSocket.OPEN) return false
    socket.send(text)
    return true
  }

  const running = run()
  return {
    send: (message) => isWelcome && send(JSON.stringify(message)),
    away() {
      isAway = true
      socket?.close()
    },
    back() {
      isAway = false
    },
    async stop() {
      isStopped = true
      socket?.close()
      await running
    },
  }
}
