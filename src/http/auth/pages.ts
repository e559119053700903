/** The few pages that links in mails lead to: plain HTML without scripts, readable by any browser. */

import { createHash } from "node:crypto"
import type { Context } from "hono"
import { escapeHtml } from "../../mail/compose.ts"
import type { AppEnv } from "../context.ts"

const STYLE = `:root{color-scheme:light dark}
body{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;margin:10vh auto;padding:0 1rem}
h1{font-size:1.5rem}
label,input,button{display:block;font:inherit}
input{box-sizing:border-box;width:100%;padding:.5rem;margin:.25rem 0 1rem}
button{padding:.5rem 1.5rem;cursor:pointer}
.wrong{border-left:.25rem solid;padding-left:.75rem}`

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64")

export interface PageContent {
  readonly title: string
  /** HTML, made by the functions of this file. */
  readonly main: readonly string[]
}

export interface PageOptions {
  readonly status?: 200 | 400 | 403 | 409 | 422 | 429 | 503
  /** Sites that the page's form may lead to: browsers hold a redirect after a form to `form-action` too. */
  readonly sites?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

export function answerPage(
  c: Context<AppEnv>,
  project: string,
  { title, main }: PageContent,
  { status = 200, sites = [], headers = {} }: PageOptions = {},
): Response {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · ${escapeHtml(project)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${main.join("\n")}
</main>
</body>
</html>
`
  return c.body(html, status, {
    ...headers,
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": policy(sites),
    "Referrer-Policy": "no-referrer",
  })
}

function policy(sites: readonly string[]): string {
  return [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    "img-src data:",
    "base-uri 'none'",
    `form-action ${["'self'", ...sites].join(" ")}`,
    "frame-ancestors 'none'",
  ].join("; ")
}

export function paragraph(text: string): string {
  return `<p>${escapeHtml(text)}</p>`
}

/** What was wrong with what was sent; read out at once. */
export function complaint(text: string): string {
  return `<p id="wrong" class="wrong" role="alert">${escapeHtml(text)}</p>`
}

/** @param fields HTML. The form leads to the page's own path, by POST: to look at a page changes nothing. */
export function form(path: string, token: string, button: string, fields: readonly string[] = []): string {
  return `<form method="post" action="${escapeHtml(path)}">
<input type="hidden" name="token" value="${escapeHtml(token)}">
${[...fields, `<button>${escapeHtml(button)}</button>`].join("\n")}
</form>`
}

export function newPasswordField(minLength: number, isWrong: boolean): string {
  const described = isWrong ? ' aria-invalid="true" aria-describedby="wrong"' : ""
  return `<label for="password">New password, at least ${minLength} characters</label>
<input id="password" name="password" type="password" autocomplete="new-password" required${described}>`
}
