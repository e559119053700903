/** The guide to the client as programs: what it prints is compared block by block, wherever it runs. */

import { once } from "node:events"
import { cp, mkdir, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import { build } from "esbuild"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type Block, filesOf } from "./jobs-guide-fixture.ts"

/** Listed in the shop's origins. */
export const SITE = "http://localhost:8788"
const PATIENCE_MS = 15_000
const LOOK_EVERY_MS = 50

/** What the guide shows below its blocks, in order. */
export interface Shown {
  readonly name: string
  readonly lines: readonly string[]
}

export interface Program {
  /** A module that calls `print` in place of `console.log`, and awaits `shown` where the guide shows what was printed. */
  readonly code: string
  readonly shown: readonly Shown[]
}

/** All JavaScript that is no file of its own. */
export function programOf(blocks: readonly Block[], library: string, api: string): Program {
  const parts: string[] = []
  const shown: Shown[] = []
  blocks.forEach(({ language, text }, i) => {
    if (language !== "js" || text.startsWith("// ")) return
    parts.push(text)
    const next = blocks[i + 1]
    if (next?.language !== "text") return
    parts.push(`await shown(${shown.length})`)
    shown.push({ name: text.split("\n")[0]!, lines: next.text.split("\n") })
  })
  const code = parts
    .join("\n\n")
    .replace("http://localhost:8787/selvedge.js", library)
    .replaceAll("http://localhost:8787", api)
    .replaceAll("console.log(", "print(")
  return { code, shown }
}

/** Takes what a program prints, and compares it with what the guide shows. */
export class Printer {
  readonly #shown: readonly Shown[]
  #lines: string[] = []
  /** Blocks whose output was as it is shown. */
  passed = 0

  constructor(shown: readonly Shown[]) {
    this.#shown = shown
  }

  readonly print = (...values: readonly unknown[]): void => {
    this.#lines.push(values.map(String).join(" ").trim())
  }

  /** Waits until the block's lines have come, in their order. @throws Error with what came instead. */
  readonly shown = async (index: number): Promise<void> => {
    const { name, lines } = this.#shown[index]!
    const until = Date.now() + PATIENCE_MS
    while (!hasAll(this.#lines, lines)) {
      if (Date.now() > until)
        throw new Error(`${name}\nshows\n${lines.join("\n")}\nbut it printed\n${this.#lines.join("\n")}`)
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS))
    }
    this.passed++
    this.#lines = []
  }
}

/** Others may stand between them, where something comes in more steps than are shown. */
function hasAll(printed: readonly string[], shown: readonly string[]): boolean {
  let next = 0
  for (const line of printed) if (line === shown[next]) next++
  return next === shown.length
}

/** The guide's files where `selvedge` is found by its name, beside the shop's `app/` that they take their types from. */
export async function writeFiles(folder: string, blocks: readonly Block[], api: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, "site"), { recursive: true })
  await cp(join(PROJECT_ROOT, "app"), join(folder, "app"), { recursive: true })
  for (const language of ["ts", "tsx", "js"])
    for (const [path, text] of filesOf(blocks, language))
      if (path.startsWith("site/")) await writeFile(join(folder, path), text.replaceAll("http://localhost:8787", api))
  await writeFile(join(folder, "site/react.ts"), REACT_PAGE)
}

/** What a person would write to show the guide's components. */
const REACT_PAGE = `
import { createElement } from "react"
import { createRoot } from "react-dom/client"
import { client } from "./client.ts"
import { Reviews, Room } from "./reviews.tsx"

const { data } = await client.films.list({ sort: "-rating", limit: 1 })
const filmId = data[0]!.id
const here = globalThis as unknown as { client: typeof client; document: { body: Element } }
here.client = client
createRoot(here.document.body).render([Reviews, Room].map((part, key) => createElement(part, { key, filmId })))
`

export async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    jsx: "automatic",
    write: false,
    logLevel: "silent",
  })
  return outputFiles[0]!.text
}

/** A static site: files by their path, else a page. */
export async function serveFiles(files: ReadonlyMap<string, string>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url!, SITE).pathname.slice(1)
    const type = path.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8"
    response.setHeader("Content-Type", type)
    response.end(files.get(path) ?? "<!doctype html><title>A site</title>")
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return server
}
