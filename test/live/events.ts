/** A reader of server-sent events in a test. */

import { wait } from "../../src/core/wait.ts"
import { type Message, worker } from "./client.ts"

/** Milliseconds after which what doesn't come has failed to. */
const LONGEST_WAIT_MS = 8_000

export interface Event {
  readonly event: string
  readonly data: Message
  /** Undefined where the event carries none. */
  readonly id: string | undefined
}

export interface EventReader {
  readonly response: Response
  /** Milliseconds to wait before coming again, once they are known. */
  retry(): number | undefined
  /** The next one; undefined at the stream's end. */
  next(): Promise<Event | undefined>
  leave(): Promise<void>
}

export async function listen(
  path: string,
  { token, headers = {} }: { token?: string; headers?: Record<string, string> } = {},
): Promise<EventReader> {
  const response = await worker.fetch(`http://edge.example${path}`, {
    headers: {
      Accept: "text/event-stream",
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  let retry: number | undefined

  async function next(): Promise<Event | undefined> {
    for (;;) {
      const end = text.indexOf("\n\n")
      if (end < 0) {
        const read = await Promise.race([reader.read(), wait(LONGEST_WAIT_MS)])
        if (!read) throw new Error(`no event; there is "${text}"`)
        if (read.done) return undefined
        text += read.value
        continue
      }
      const fields = fieldsOf(text.slice(0, end))
      text = text.slice(end + 2)
      if (fields.has("retry")) retry = Number(fields.get("retry"))
      const data = fields.get("data")
      if (data !== undefined)
        return { event: fields.get("event")!, data: JSON.parse(data) as Message, id: fields.get("id") }
    }
  }

  return { response, retry: () => retry, next, leave: () => reader.cancel() }
}

function fieldsOf(block: string): Map<string, string> {
  const lines = block.split("\n").filter((line) => !line.startsWith(":"))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]))
}
