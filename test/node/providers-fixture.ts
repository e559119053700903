/** A real OpenID provider on loopback, and a browser that signs in there. */

import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { exportJWK, generateKeyPair } from "jose"
import Provider from "oidc-provider"

export interface Upstream {
  readonly issuer: string
  /** Method and path of each request, oldest first. */
  readonly requests: string[]
  close(): Promise<void>
}

export interface UpstreamClient {
  clientId: string
  clientSecret: string
  redirectUri: string
}

/** Knows everybody: whoever signs in as `ada` is `ada@people.example`. Its tokens live in memory. */
export async function startUpstream({ clientId, clientSecret, redirectUri }: UpstreamClient): Promise<Upstream> {
  const requests: string[] = []
  const { server, origin } = await listen((request, response) => {
    requests.push(`${request.method} ${new URL(request.url!, origin).pathname}`)
    handle(request, response)
  })
  const { privateKey } = await generateKeyPair("RS256", { extractable: true })
  const handle = new Provider(origin, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@people.example`, email_verified: true, name: id.toUpperCase() }),
    }),
    pkce: { required: () => true },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
    cookies: { keys: ["a key for the cookies of a test"] },
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "upstream", alg: "RS256", use: "sig" }] },
  }).callback()
  return { issuer: origin, requests, close: () => close(server) }
}

/** Listens on a port that is free. */
export async function listen(listener: RequestListener): Promise<{ server: Server; origin: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

/**
 * Follows the provider's redirects, signs in and consents, as a person would.
 *
 * @param login Undefined cancels at the provider.
 * @returns Where the provider sends the browser in the end: an address of another origin.
 */
export async function visit(start: URL, login: string | undefined): Promise<URL> {
  const browser = createBrowser()
  let request: { url: URL; form?: Record<string, string> } = { url: start }
  for (let steps = 0; steps < 12; steps++) {
    const { response, location } = await browser.send(request.url, request.form)
    if (location && location.origin !== start.origin) return location
    request = location ? { url: location } : readPage(request.url, await response.text(), login)
  }
  throw new Error("The provider sends the browser around in circles")
}

/** Which button the person presses. */
function readPage(page: URL, html: string, login: string | undefined) {
  if (login === undefined) return { url: new URL(readAttribute(html, /href="([^"]*\/abort)"/), page) }
  const url = new URL(readAttribute(html, /action="([^"]+)"/), page)
  const prompt = readAttribute(html, /name="prompt" value="(\w+)"/)
  return { url, form: prompt === "login" ? { prompt, login, password: "any" } : { prompt } }
}

function readAttribute(html: string, pattern: RegExp): string {
  const value = pattern.exec(html)?.[1]
  if (value === undefined) throw new Error(`The page has no ${pattern}: ${html}`)
  return value
}

/** Keeps cookies by name and path, and follows nothing by itself. */
function createBrowser() {
  const cookies = new Map<string, { path: string; pair: string }>()

  async function send(url: URL, form?: Record<string, string>) {
    const cookie = [...cookies.values()].filter(({ path }) => url.pathname.startsWith(path)).map(({ pair }) => pair)
    const response = await fetch(url, {
      method: form ? "POST" : "GET",
      headers: { cookie: cookie.join("; ") },
      body: form ? new URLSearchParams(form) : null,
      redirect: "manual",
    })
    for (const text of response.headers.getSetCookie()) keep(text)
    const location = response.headers.get("location")
    return { response, location: location === null ? undefined : new URL(location, url) }
  }

  function keep(text: string): void {
    const pair = text.split(";")[0]!
    const path = /;\s*path=([^;]+)/i.exec(text)?.[1] ?? "/"
    const key = `${pair.split("=")[0]} ${path}`
    if (/=$/.test(pair)) cookies.delete(key)
    else cookies.set(key, { path, pair })
  }

  return { send }
}
