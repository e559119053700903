/** The guide to sign-in as files: its `app/auth.ts` in the shop, its JavaScript on a site. */

import { once } from "node:events"
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import { PROJECT_ROOT } from "../../scripts/local-env.ts"

const GUIDE = await readFile(join(PROJECT_ROOT, "docs/guides/sign-in.md"), "utf8")
/** Inside the project, so that `selvedge` is found by its name. */
export const FOLDER = join(import.meta.dirname, ".sign-in-guide-tmp")
/** Listed in the shop's origins. */
export const SITE = "http://localhost:8788"

const blocks = [...GUIDE.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}))

/** The guide's blocks in one language. */
export function textOf(language: string): string[] {
  return blocks.filter((block) => block.language === language).map(({ text }) => text)
}

/** The shop with the `app/auth.ts` of the guide. @returns Its entry. */
export async function writeShop(): Promise<string> {
  const [auth] = textOf("ts").filter((text) => text.startsWith("// app/auth.ts"))
  await rm(FOLDER, { recursive: true, force: true })
  await mkdir(FOLDER)
  await cp(join(PROJECT_ROOT, "app"), join(FOLDER, "app"), { recursive: true })
  await writeFile(join(FOLDER, "app/auth.ts"), auth!)
  return join(FOLDER, "app/worker.ts")
}

/** One page that can load the guide's module, and what that imports. */
export async function serveSite(shopPort: number): Promise<Server> {
  const library = join(PROJECT_ROOT, "node_modules/@simplewebauthn/browser/esm")
  const imports = { "@simplewebauthn/browser": "/library/index.js" }
  const html = `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`
  const code = textOf("js").join("\n\n").replaceAll("localhost:8787", `localhost:${shopPort}`)
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, SITE).pathname
    const isScript = path.endsWith(".js")
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html")
    if (path.startsWith("/library/")) response.end(await readFile(join(library, path.slice("/library/".length))))
    else response.end(isScript ? code : html)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return server
}
