/** The load generator, as the process that started it sees it. */

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { LoadOrder, LoadResult } from "./load.ts"

export interface Loader {
  run(order: LoadOrder): Promise<LoadResult>
  stop(): void
}

export function startLoader(): Loader {
  const process: ChildProcess = fork(join(import.meta.dirname, "load.ts"), { stdio: "inherit" })
  return {
    async run(order) {
      process.send(order)
      const [answer] = (await once(process, "message")) as [{ result: LoadResult } | { error: string }]
      if ("error" in answer) throw new Error(answer.error)
      return answer.result
    },
    stop: () => void process.kill(),
  }
}
