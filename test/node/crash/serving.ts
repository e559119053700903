/** Starts the serving process, and kills it with everything that it has started. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import type { ServerMessage, ServerOptions, StatementsOrder } from "./server.ts"

type Rows = Record<string, unknown>[]

export interface Serving {
  readonly url: string
  /** Runs statements as one batch. */
  run(statements: readonly string[]): Promise<Rows[]>
}

export interface Process {
  /** Never settles for one that was killed before it served. */
  readonly ready: Promise<Serving>
  /** SIGKILL to the whole group, workerd included; resolves when nothing of it is left. */
  kill(): Promise<void>
}

export function startServing(options: ServerOptions): Process {
  // a group of its own: it has all that can write to the state folder
  const child = fork(join(import.meta.dirname, "server.ts"), [JSON.stringify(options)], {
    detached: true,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  })
  let isKilled = false
  return {
    ready: Promise.race([
      served(child),
      once(child, "exit").then(([code]) => {
        if (isKilled) return new Promise<never>(() => {})
        throw new Error(`the serving process ended with ${code} by itself`)
      }),
    ]),
    async kill() {
      isKilled = true
      while (signal(child, "SIGKILL")) await wait(5)
    },
  }
}

async function served(child: ChildProcess): Promise<Serving> {
  const [{ url }] = (await once(child, "message")) as [{ url: string }]
  const waiting = new Map<number, { resolve(rows: Rows[]): void; reject(error: Error): void }>()
  child.on("message", (message: ServerMessage) => {
    if ("url" in message) return
    const call = waiting.get(message.id)!
    waiting.delete(message.id)
    if ("rows" in message) call.resolve(message.rows)
    else call.reject(new Error(message.error))
  })
  let last = 0
  return {
    url,
    run: (statements) =>
      new Promise((resolve, reject) => {
        waiting.set(++last, { resolve, reject })
        child.send({ id: last, statements } satisfies StatementsOrder)
      }),
  }
}

/** @returns Whether anything of the group is left. */
function signal({ pid }: ChildProcess, name: NodeJS.Signals): boolean {
  try {
    process.kill(-pid!, name)
    return true
  } catch {
    return false
  }
}
