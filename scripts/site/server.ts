/** A static host: files of one folder under clean addresses, and the one module that says where the API is. */

import { once } from "node:events"
import { readFile, stat } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, sep } from "node:path"
import { PROJECT_ROOT } from "../local-env.ts"
import { type HeaderRule, headersFor, readHeaderRules } from "./headers.ts"

const CONFIG = "/shop/config.js"
/** Of the API's origin alone, though they lie beside the pages; names that begin with a dot or _ are nobody's. */
const NOT_OURS = /^\/(selvedge\b|vendor\b|docs\b)|\/[._]/
const CACHE_CONTROL = "public, max-age=0, must-revalidate"
const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
}

export interface SiteOptions {
  /** Of the API, such as `http://localhost:8787`. */
  readonly api: string
  /** 0, unless told: one that is free. */
  readonly port?: number
  /** `public/` of the project, unless told. */
  readonly folder?: string
}

export interface Site {
  readonly port: number
  close(): Promise<void>
}

interface Folder {
  readonly path: string
  readonly api: string
  readonly rules: readonly HeaderRule[]
}

interface File {
  readonly path: string
  readonly etag: string
}

export async function startSite({
  api,
  port = 0,
  folder: path = join(PROJECT_ROOT, "public"),
}: SiteOptions): Promise<Site> {
  const folder = { path, api, rules: await readHeaderRules(path, api) }
  const server = createServer((request, response) => {
    answer(folder, request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await once(server.listen(port, "127.0.0.1"), "listening")
  return { port: (server.address() as AddressInfo).port, close: () => close(server) }
}

async function answer(folder: Folder, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url!, "http://site")
  for (const [name, value] of headersFor(folder.rules, pathname)) response.setHeader(name, value)
  if (request.method !== "GET" && request.method !== "HEAD")
    return void response.writeHead(405, { Allow: "GET, HEAD" }).end()
  const clean = pathname.replace(/(^\/|\/)index\.html$/, "$1").replace(/(.)(\.html|\/)$/, "$1")
  if (clean !== pathname && (await find(folder, clean)))
    return void response.writeHead(307, { Location: clean + search }).end()
  if (pathname === CONFIG)
    return send(request, response, 200, ".js", Buffer.from(`export const api = "${folder.api}"\n`))
  const found = await find(folder, pathname)
  if (found) {
    response.setHeader("ETag", found.etag)
    if (request.headers["if-none-match"] === found.etag)
      return void response.writeHead(304, { "Cache-Control": CACHE_CONTROL }).end()
    return send(request, response, 200, extname(found.path), await readFile(found.path))
  }
  const missing = await find(folder, "/404")
  const page = missing ? await readFile(missing.path) : Buffer.from("There is no such page.\n")
  return send(request, response, 404, missing ? ".html" : ".txt", page)
}

/** The file that an address means, inside the folder. */
async function find(folder: Folder, pathname: string): Promise<File | undefined> {
  const decoded = decode(pathname)
  if (decoded === undefined || NOT_OURS.test(decoded)) return undefined
  const names = decoded.endsWith("/") ? [`${decoded}index.html`] : [decoded, `${decoded}.html`]
  for (const path of names.map((name) => join(folder.path, name))) {
    if (!path.startsWith(folder.path + sep)) continue
    const file = await stat(path).catch(() => undefined)
    if (file?.isFile()) return { path, etag: `"${file.size.toString(36)}-${Math.floor(file.mtimeMs).toString(36)}"` }
  }
  return undefined
}

function decode(pathname: string): string | undefined {
  try {
    const text = decodeURIComponent(pathname)
    return text.includes("\0") ? undefined : text
  } catch {
    return undefined // a sign of percent that begins nothing
  }
}

function send(request: IncomingMessage, response: ServerResponse, status: number, type: string, body: Buffer): void {
  response.writeHead(status, {
    "Content-Type": TYPES[type] ?? "application/octet-stream",
    "Content-Length": body.byteLength,
    "Cache-Control": CACHE_CONTROL,
  })
  response.end(request.method === "HEAD" ? undefined : body)
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
