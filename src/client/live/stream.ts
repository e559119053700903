/** A live query as server-sent events, for where a WebSocket doesn't get through. */

import { type Http, isPassing, pause } from "../http.ts"
import { isOnline } from "../network.ts"
import { isProblem, ProblemError, problemOf, refusal, unreachable } from "../problem.ts"
import { LONGEST_WAIT_MS, type ServerMessage, waitMs } from "./frames.ts"
import type { Stream, Subscriber } from "./subscriber.ts"

/** The server says something every 15 seconds. */
const SILENT_MS = 35_000
/** After which a page that is looked at again doesn't trust the stream. */
const QUIET_MS = 16_000

/** @param fail It has ended. */
export function openStream(http: Http, subscriber: Subscriber, fail: (problem: ProblemError) => void): Stream {
  const path = subscriber.wish.path?.()
  let attempt = new AbortController()
  let isOver = false
  let heardAt = 0
  let retryMs = 1_000
  let failures = 0
  let refused: { readonly token: string; readonly problem: ProblemError } | undefined
  /** Came, but can only be gone on from with what is still to come of the same moment. */
  let held: ServerMessage[] = []
  if (path !== undefined) void run()
  else fail(refusal("unreachable", 0, "Channels need a WebSocket, and none gets through here."))

  async function run(): Promise<void> {
    while (!isOver) {
      attempt = new AbortController()
      let token: string | undefined
      let wait = LONGEST_WAIT_MS
      try {
        token = await http.tokenAfter(refused?.token)
        if (refused && token === undefined) throw refused.problem // as nobody it would be another list
        await listen(token)
        wait = waitMs(retryMs, failures++)
      } catch (error) {
        const problem = isProblem(error) ? error : unreachable(error)
        refused = problem.status === 401 && token !== undefined && !refused ? { token, problem } : undefined
        if (isOver || refused) continue
        if (!isPassing(problem)) {
          isOver = true
          return fail(problem)
        }
        if (isOnline()) wait = problem.retryAfter ? problem.retryAfter * 1_000 : waitMs(retryMs, failures++)
      }
      heardAt = 0
      subscriber.down()
      await pause(wait, attempt.signal).catch(() => undefined)
    }
  }

  async function listen(token: string | undefined): Promise<void> {
    const { since } = subscriber
    const headers = {
      Accept: "text/event-stream",
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(since !== undefined && { "Last-Event-ID": since }),
    }
    const own = attempt
    let deadline = setTimeout(() => own.abort(), SILENT_MS)
    try {
      const response = await http.fetch(http.base + path, { headers, signal: own.signal })
      if (!response.ok) throw await refusalOf(response)
      refused = undefined
      subscriber.up()
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      let rest = ""
      held = []
      for (;;) {
        const { value, done } = await reader.read()
        if (done || isOver) return
        clearTimeout(deadline)
        deadline = setTimeout(() => own.abort(), SILENT_MS)
        heardAt = Date.now()
        const blocks = (rest + value).split("\n\n")
        rest = blocks.pop()!
        for (const block of blocks) take(block)
      }
    } finally {
      clearTimeout(deadline)
    }
  }

  function take(block: string): void {
    const { retry, data, id } = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)))
    if (retry) retryMs = Number(retry)
    if (!data) return
    const message = JSON.parse(data) as ServerMessage
    if (message.problem) throw new ProblemError(message.problem)
    held.push(message)
    if (!id) return
    failures = 0
    for (const one of held.splice(0)) {
      http.sawBookmark(one.bookmark)
      subscriber.take(one)
    }
  }

  return {
    wake() {
      if (Date.now() - heardAt > QUIET_MS) attempt.abort()
    },
    close() {
      isOver = true
      attempt.abort()
    },
  }
}

async function refusalOf(response: Response): Promise<ProblemError> {
  const body: unknown = await response.json().catch(() => undefined)
  const problem = problemOf(response.status, body, Number(response.headers.get("Retry-After")) || undefined)
  // the same as over a socket
  return problem.status === 406 ? refusal("not_found", 404, problem.message) : problem
}
