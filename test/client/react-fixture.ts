/** The page of `react-page.ts`, bundled and served as a site of another origin than the API's. */

import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import { build } from "esbuild"

/** Listed in the shop's origins. */
export const SITE = "http://localhost:8788"

/** @param html What a server would have rendered. */
export async function serveReactPage(html: string): Promise<Server> {
  const script = await bundle()
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js"
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html; charset=utf-8")
    response.end(isScript ? script : `<!doctype html><title>A site</title><div id="root">${html}</div>`)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return server
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "react-page.ts")],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    define: { "process.env.NODE_ENV": '"development"' }, // React's strict mode is of development
    logLevel: "silent",
  })
  return outputFiles[0]!.text
}
