/** The README's tour against a real server: what stands there is what a reader gets. */

import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"
import { type DevServer, startDev } from "./dev-fixture.ts"

const README = await readFile(join(PROJECT_ROOT, "README.md"), "utf8")
/** Stands between the outputs of two blocks. */
const MARK = "----- next block -----"

interface Block {
  language: string
  text: string
}

/** A block of commands and the answer that the README shows for it. */
interface Step {
  commands: string
  answer: Block | undefined
}

const steps = stepsOf(blocksOf(section("A tour in five minutes")))

let state: string
let server: DevServer
let outputs: string[]

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-readme-"))
  server = await startDev("--persist-to", state)
  const script = steps.map(({ commands }) => `${commands}\necho\necho '${MARK}'`).join("\n")
  const here = script
    .replaceAll("localhost:8787", `localhost:${server.port}`)
    .replaceAll("npm run -s token --", `npm run -s token -- --persist-to ${state}`)
  const { stdout } = await promisify(execFile)("bash", ["-c", here], { cwd: PROJECT_ROOT })
  outputs = stdout.replaceAll("\r\n", "\n").split(MARK)
})

afterAll(async () => {
  await server?.stop()
  await rm(state, { recursive: true })
})

describe("the tour answers as the README says", () => {
  const shown = steps.flatMap(({ commands, answer }, i) =>
    answer ? [{ name: commands.split("\n")[0], answer, i }] : [],
  )
  test.each(shown)("$name", ({ answer, i }) => {
    const output = outputs[i]!.trim()
    if (answer.language === "json") return expectJson(output, answer.text)
    const [head, body] = splitHead(output)
    const [shownHead, shownBody] = splitHead(answer.text)
    for (const line of shownHead.split("\n")) expect(head.split("\n")).toContainEqual(pattern(line))
    if (shownBody) expectJson(body, shownBody)
  })
})

test("the code that the README shows is the shop's", async () => {
  const app = await Promise.all(
    ["schema.ts", "collections.ts"].map((name) => readFile(join(PROJECT_ROOT, "app", name), "utf8")),
  )
  const lines = new Set(app.flatMap((text) => text.split("\n")))
  const shown = blocksOf(section("Declare your own")).flatMap(({ text }) => text.split("\n"))
  expect(shown.length).toBeGreaterThan(20)
  expect(shown.filter((line) => !lines.has(line))).toEqual([])
})

test("the commands of the README are those of package.json", async () => {
  const { scripts } = JSON.parse(await readFile(join(PROJECT_ROOT, "package.json"), "utf8")) as { scripts: object }
  const firstCells = section("Commands").matchAll(/^\| (.*?) \|/gm)
  const named = [...firstCells].flatMap(([, cell]) => [...cell!.matchAll(/`(?:npm (?:run )?(?:-s )?)?([a-z:]+)/g)])
  expect(named.map((match) => match[1]).sort()).toEqual(Object.keys(scripts).sort())
})

function section(title: string): string {
  const [, rest] = README.split(`\n## ${title}\n`)
  if (rest === undefined) throw new Error(`The README has no section "${title}"`)
  return rest.split("\n## ")[0]!
}

function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)\n```$/gm)].map(([, language, text]) => ({
    language: language!,
    text: text!,
  }))
}

function stepsOf(blocks: readonly Block[]): Step[] {
  return blocks.flatMap((block, i) => {
    if (block.language !== "sh") return []
    const next = blocks[i + 1]
    return [{ commands: block.text, answer: next && next.language !== "sh" ? next : undefined }]
  })
}

function splitHead(text: string): [head: string, body: string] {
  const at = text.indexOf("\n\n")
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 2)]
}

/** Everything shown must be there; lists are shown whole. */
function expectJson(actual: string, shown: string): void {
  const whole = shown.replaceAll(/…,\s*|,\s*…/g, "")
  const wanted: unknown = JSON.parse(whole, (_, value) => (typeof value === "string" ? pattern(value) : value))
  expect(JSON.parse(actual)).toMatchObject(wanted as object)
}

/** `…` stands for any text. */
function pattern(text: string): unknown {
  if (!text.includes("…")) return text
  const parts = text.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
  return expect.stringMatching(`^${parts.join("[^]+")}$`)
}
