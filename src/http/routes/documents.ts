/** `/openapi.json`, and `/docs`, which shows it. */

import type { Context, Hono } from "hono"
import { hashText } from "../../core/hash.ts"
import { noParameters } from "../../query/parameters.ts"
import { isNotModified } from "../conditions.ts"
import type { AppEnv } from "../context.ts"
import { createDocument, type DocumentSource } from "../openapi/document.ts"

const CACHE_CONTROL = "public, max-age=0, must-revalidate"

/** Scalar sets styles on its elements; scripts and everything else come from our own origin. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/** The reference itself is Scalar's bundle; `/docs.js` starts it. */
const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API reference</title>
<link rel="icon" href="data:,">
</head>
<body>
<div id="reference"></div>
<noscript>The API as a document: <a href="/openapi.json">/openapi.json</a></noscript>
<script src="/vendor/api-reference.js"></script>
<script src="/docs.js"></script>
</body>
</html>
`

/** @param source Called once, for the first request: the application's routes are not there before. */
export function documentRoutes(app: Hono<AppEnv>, source: () => DocumentSource): void {
  let document: { text: string; tag: string } | undefined
  app.get("/openapi.json", (c) => {
    noParameters(c.req.url)
    document ??= tagged(JSON.stringify(createDocument(source())))
    return cached(c, document, "application/json")
  })
  const page = tagged(PAGE)
  app.get("/docs", (c) => {
    noParameters(c.req.url)
    c.header("Content-Security-Policy", PAGE_POLICY)
    return cached(c, page, "text/html; charset=utf-8")
  })
}

function tagged(text: string) {
  return { text, tag: `"${hashText(text)}"` }
}

function cached(c: Context<AppEnv>, { text, tag }: { text: string; tag: string }, type: string): Response {
  c.header("Cache-Control", CACHE_CONTROL)
  c.header("ETag", tag)
  if (isNotModified(c.req.raw.headers.get("If-None-Match"), tag)) return c.body(null, 304)
  return c.body(text, 200, { "Content-Type": type })
}
