/** Terminals of a guide, in which what has no end goes on while others write. */

import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import type { Shell } from "./jobs-guide-fixture.ts"

const LOOK_EVERY_MS = 100
const PATIENCE_MS = 30_000

export function isEndless(command: string): boolean {
  return /^(?:node \S+watch\.mjs|curl -N) /.test(command)
}

export class Terminal {
  readonly #shell: Shell
  readonly #folder: string
  readonly #pid: string

  private constructor(shell: Shell, folder: string, pid: string) {
    this.#shell = shell
    this.#folder = folder
    this.#pid = pid
  }

  /** Runs the command beside the shell, with its variables. */
  static async open(shell: Shell, command: string): Promise<Terminal> {
    const folder = await mkdtemp(join(tmpdir(), "selvedge-terminal-"))
    const silent = command.replace("curl -N", "curl -sN")
    const pid = await shell.run(`${silent} > ${join(folder, "out")} 2>&1 & echo $!`)
    return new Terminal(shell, folder, pid.trim())
  }

  /** Waits until the shown lines have been printed, in their order; `…` stands for any text. */
  async prints(shown: string): Promise<void> {
    const wanted = shown.split("\n").filter(Boolean).map(pattern)
    const until = Date.now() + PATIENCE_MS
    for (;;) {
      const printed = (await readFile(join(this.#folder, "out"), "utf8")).split("\n")
      let next = 0
      for (const line of printed) if (wanted[next]?.test(line)) next++
      if (next === wanted.length) return
      if (Date.now() > until) expect(printed.join("\n")).toBe(shown)
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS))
    }
  }

  async close(): Promise<void> {
    await this.#shell.run(`kill ${this.#pid}`)
    await rm(this.#folder, { recursive: true, force: true })
  }
}

function pattern(line: string): RegExp {
  const parts = line.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  return new RegExp(`^${parts.join(".+")}$`)
}
