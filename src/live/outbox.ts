/** Frames that are due to sockets, gathered so that each socket gets one: what a frame costs is the frame, not its bytes. */

import type { Connection } from "./connection.ts"

export class Outbox {
  readonly #frames = new Map<Connection, string[]>()
  readonly #send: (connection: Connection, frame: string) => void

  constructor(send: (connection: Connection, frame: string) => void) {
    this.#send = send
  }

  add(connection: Connection, frame: string): void {
    const frames = this.#frames.get(connection)
    if (frames) frames.push(frame)
    else this.#frames.set(connection, [frame])
  }

  /** Many sockets of a channel are due the very same. */
  flush(): void {
    let last: readonly string[] = []
    let text = ""
    for (const [connection, frames] of this.#frames) {
      if (frames.length !== last.length || frames.some((frame, at) => frame !== last[at])) {
        text = frames.length === 1 ? frames[0]! : `[${frames.join()}]`
        last = frames
      }
      this.#send(connection, text)
    }
    this.#frames.clear()
  }
}
