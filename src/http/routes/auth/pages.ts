/** `/v1/auth/pages/…`: where links in mails lead. A page's button sends its token; opening the page does not. */

import type { Context, Hono } from "hono"
import { redeemLink } from "../../../auth/email-links.ts"
import { resetPassword } from "../../../auth/password-reset.ts"
import { verifyEmail } from "../../../auth/verify-email.ts"
import { SelvedgeError } from "../../../core/problem.ts"
import { STATUS_OF } from "../../../core/problem-document.ts"
import {
  answerPage,
  complaint,
  form,
  newPasswordField,
  type PageContent,
  type PageOptions,
  paragraph,
} from "../../auth/pages.ts"
import { type AuthService, authContext } from "../../auth/service.ts"
import { readForm } from "../../body.ts"
import type { AppEnv } from "../../context.ts"

const MOST_TOKEN = 512

/** What a page says about refusals that it knows; others keep their own words. */
const TITLES: Readonly<Record<string, string>> = {
  invalid_credentials: "This link does not work any more",
  conflict: "This address has an account already",
  rate_limited: "Too many attempts",
}

const NO_PASSWORD =
  "The sign-up was sent more than once, and we can't know whether each time by you. So no password was set: choose a password now, as if you had forgotten it."

interface Page {
  readonly path: string
  /** What is shown before anything is done. */
  readonly ask: (token: string) => PageContent
  /** Does it: what is shown then, or where the browser goes. */
  readonly act: (c: Context<AppEnv>, token: string, fields: URLSearchParams) => Promise<PageContent | { to: string }>
  /** After a refused field; the token still works. */
  readonly askAgain?: (token: string, message: string) => PageContent
  readonly sites?: readonly string[]
}

export function pageRoutes(app: Hono<AppEnv>, service: AuthService): void {
  const { settings } = service
  const pages = [
    verifyPage(service),
    ...(settings.emailLink ? [signInPage(service)] : []),
    ...(settings.password ? [resetPage(service, settings.password.minLength)] : []),
  ]
  for (const page of pages) addPage(app, settings.name, page)
}

function verifyPage(service: AuthService): Page {
  const path = "/v1/auth/pages/verify"
  return {
    path,
    ask: (token) => ({
      title: "Confirm your e-mail address",
      main: [
        paragraph(`The address becomes that of your account at ${service.settings.name}.`),
        form(path, token, "Confirm"),
      ],
    }),
    async act(c, token) {
      const { user, needsPassword } = await verifyEmail(authContext(c, service), token)
      const main = [paragraph(`${user.email} is the address of your account.`)]
      if (needsPassword) main.push(paragraph(NO_PASSWORD))
      return { title: "Your address is confirmed", main }
    },
  }
}

function signInPage(service: AuthService): Page {
  const path = "/v1/auth/pages/sign-in"
  return {
    path,
    sites: service.origins,
    ask: (token) => ({
      title: `Sign in to ${service.settings.name}`,
      main: [paragraph("Go on in the browser in which you asked for the link."), form(path, token, "Sign in")],
    }),
    act: async (c, token) => ({ to: await redeemLink(authContext(c, service), token) }),
  }
}

function resetPage(service: AuthService, minLength: number): Page {
  const path = "/v1/auth/pages/reset"
  const title = "Choose a new password"
  const fields = (token: string, isWrong: boolean) =>
    form(path, token, "Set the password", [newPasswordField(minLength, isWrong)])
  return {
    path,
    ask: (token) => ({ title, main: [fields(token, false)] }),
    askAgain: (token, message) => ({ title, main: [complaint(message), fields(token, true)] }),
    async act(c, token, given) {
      await resetPassword(authContext(c, service), token, given.get("password") ?? "")
      return {
        title: "Your password is set",
        main: [paragraph("All devices were signed out. Sign in with the new password.")],
      }
    },
  }
}

function addPage(app: Hono<AppEnv>, project: string, page: Page): void {
  const { path, sites = [] } = page
  app.get(path, (c) => {
    const token = c.req.query("token")
    if (!isToken(token)) return answerPage(c, project, incomplete, { status: 400 })
    return answerPage(c, project, page.ask(token), { sites })
  })
  app.post(path, async (c) => {
    const fields = hasBody(c.req.raw) ? await readForm(c.req.raw) : new URLSearchParams()
    const token = fields.get("token") ?? c.req.query("token")
    if (!isToken(token)) return answerPage(c, project, incomplete, { status: 400 })
    try {
      const done = await page.act(c, token, fields)
      return "to" in done ? seeOther(c, done.to) : answerPage(c, project, done)
    } catch (error) {
      if (!(error instanceof SelvedgeError)) throw error
      return refusalPage(c, project, page, token, error)
    }
  })
}

/** A request without a body has an empty stream over HTTP, not null. */
function hasBody({ body, headers }: Request): boolean {
  return body !== null && (headers.has("Content-Type") || Number(headers.get("Content-Length")) > 0)
}

function isToken(token: string | undefined): token is string {
  return token !== undefined && token.length > 0 && token.length <= MOST_TOKEN
}

const incomplete: PageContent = {
  title: "This link is not complete",
  main: [paragraph("Copy it from the mail as a whole, or ask for a new one.")],
}

/** The browser comes by GET then, and tells nobody where from: the address that it leaves holds the token. */
function seeOther(c: Context<AppEnv>, location: string): Response {
  return c.body(null, 303, { Location: location, "Referrer-Policy": "no-referrer" })
}

function refusalPage(
  c: Context<AppEnv>,
  project: string,
  { askAgain, sites = [] }: Page,
  token: string,
  error: SelvedgeError,
): Response {
  const { code, errors, message, headers = {} } = error
  if (code === "validation_failed" && askAgain) {
    const content = askAgain(token, `The password ${errors?.[0]?.message ?? "is not valid"}.`)
    return answerPage(c, project, content, { status: 422, sites })
  }
  const title = TITLES[code] ?? "This did not work"
  return answerPage(c, project, { title, main: [paragraph(message)] }, { status: pageStatus(code), headers })
}

/** A browser would take a 401 for a question to be answered by a password of HTTP. */
function pageStatus(code: SelvedgeError["code"]): NonNullable<PageOptions["status"]> {
  const status = STATUS_OF[code]
  return status === 403 || status === 409 || status === 422 || status === 429 || status === 503 ? status : 400
}
