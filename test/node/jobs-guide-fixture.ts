/** A guide's blocks, a shell that runs them one after the other, and answers compared with those that are shown. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"

/** Stands behind each output. */
const MARK = "----- end of block -----"
const REQUEST = /^(?:curl|node \S+\.mjs) .*? +# (\d{3})$/s
/** How often a request is repeated until its answer is the one that is shown: jobs run in their own time. */
const AGAIN_MS = 250
const PATIENCE_MS = 20_000

export interface Block {
  language: string
  text: string
}

export async function readGuide(name: string): Promise<Block[]> {
  const guide = await readFile(join(PROJECT_ROOT, "docs/guides", name), "utf8")
  return [...guide.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }))
}

/** The files that the guide's code makes: blocks of one file follow each other. */
export function filesOf(blocks: readonly Block[], language: string): Map<string, string> {
  const files = new Map<string, string>()
  for (const { text } of blocks.filter((block) => block.language === language)) {
    const [, path] = /^\/\/ ([\w./-]+)/.exec(text) ?? []
    if (path) files.set(path, [files.get(path), text].filter(Boolean).join("\n\n"))
  }
  return files
}

/** Keeps variables and functions from block to block. */
export class Shell {
  readonly #process: ChildProcessWithoutNullStreams
  #output = ""
  #errors = ""

  constructor() {
    this.#process = spawn("bash", ["-s"], { cwd: PROJECT_ROOT })
    this.#process.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text
    })
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text
    })
  }

  async run(script: string): Promise<string> {
    this.#output = ""
    this.#errors = ""
    this.#process.stdin.write(`${script}\necho "${MARK}"\n`)
    while (!this.#output.includes(MARK)) {
      if (this.#process.exitCode !== null) throw new Error(`${script}\n${this.#errors}`)
      await new Promise((done) => setTimeout(done, 20))
    }
    return this.#output.split(MARK)[0]!
  }

  close(): void {
    this.#process.stdin.end()
  }
}

/** One command of a shell block, with the answer that is shown for it. */
export interface Step {
  command: string
  status: number | undefined
  shown: string | undefined
}

export function stepsOf(blocks: readonly Block[]): Step[] {
  return blocks.flatMap((block, i) => {
    if (block.language !== "sh") return []
    const commands = commandsOf(block.text)
    const next = blocks[i + 1]
    return commands.map((command, at) => ({
      command,
      status: REQUEST.test(command) ? Number(REQUEST.exec(command)![1]) : undefined,
      shown: at === commands.length - 1 && next?.language === "json" ? next.text : undefined,
    }))
  })
}

/** Continued lines are joined, and so are those within single quotes. */
function commandsOf(text: string): string[] {
  const commands: string[] = []
  let open = ""
  for (const line of text.replace(/\\\n\s*/g, "").split("\n")) {
    open += open === "" ? line : `\n${line}`
    if (open.split("'").length % 2 === 0) continue
    if (open !== "") commands.push(open)
    open = ""
  }
  return commands
}

/** Runs a step; a GET is repeated until its answer is the one that is shown. A program prints body and status itself. */
export async function take({ command, status, shown }: Step, shell: Shell): Promise<void> {
  if (status === undefined) {
    await shell.run(command)
    return
  }
  const request = command.replace("curl ", "curl -s -w '\\n%{http_code}' ").replace(/ +# \d{3}$/, "")
  const until = Date.now() + (/^node | -(?:d|X) /.test(command) ? 0 : PATIENCE_MS)
  for (;;) {
    const [, body, answered] = /^(.*)\n(\d{3})\n*$/s.exec(await shell.run(`${request}; echo`)) ?? []
    try {
      expect([command, Number(answered), Number(answered) === status ? "" : body]).toEqual([command, status, ""])
      if (shown) expectJson(body!, shown)
      return
    } catch (error) {
      if (Date.now() > until) throw error
      await new Promise((done) => setTimeout(done, AGAIN_MS))
    }
  }
}

/** Everything shown must be there, lists whole; `…` stands for any text, or for more members. */
export function expectJson(actual: string, shown: string): void {
  const whole = shown.replaceAll(/…,\s*|,\s*…|(?<=[[{]\s*)…/g, "")
  const wanted: unknown = JSON.parse(whole, (_, value) => (typeof value === "string" ? pattern(value) : value))
  expect(JSON.parse(actual)).toMatchObject(wanted as object)
}

function pattern(text: string): unknown {
  if (!text.includes("…")) return text
  const parts = text.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  return expect.stringMatching(`^${parts.join("[^]+")}$`)
}
