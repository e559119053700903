/** Frames that are due to sockets, gathered so that each socket gets one: what a frame costs is the frame, not its bytes. */

import type { Connection } from "./connection.ts"

export class Outbox {
  readonly #frames = new Map<Connection, string | string[]>()
  readonly #send: (connection: Connection, frame: string) => void

  constructor(send: (connection: Connection, frame: string) => void) {
    this.#send = send
  }

  add(connection: Connection, frame: string): void {
    const frames = this.#frames.get(connection)
    if (frames === undefined) this.#frames.set(connection, frame)
    else if (typeof frames === "string") this.#frames.set(connection, [frames, frame])
    else frames.push(frame)
  }

  flush(): void {
    for (const [connection, frames] of this.#frames)
      this.#send(connection, typeof frames === "string" ? frames : asOneFrame(frames))
    this.#frames.clear()
  }
}

/** @param frames At least one. */
export function asOneFrame(frames: readonly string[]): string {
  return frames.length === 1 ? frames[0]! : `[${frames.join()}]`
}
