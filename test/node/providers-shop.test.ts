/** The shop on a real server, an OpenID provider that is certified, and a page of another origin between them. */

import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type DevServer, freePort, startDevAt } from "./dev-fixture.ts"
import { startUpstream, type Upstream, visit } from "./providers-fixture.ts"

const SITE = "http://localhost:8788"
const CLIENT = { clientId: "the shop", clientSecret: "a secret: with +, % and /" }

let state: string
let people: Upstream
let shop: DevServer
let api: string

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-providers-"))
  const port = await freePort()
  api = `http://localhost:${port}/v1/auth`
  people = await startUpstream({ ...CLIENT, redirectUri: `${api}/oauth/oidc/callback` })
  const variables = { ISSUER: people.issuer, CLIENT_ID: CLIENT.clientId, CLIENT_SECRET: CLIENT.clientSecret }
  const flags = Object.entries(variables).flatMap(([name, value]) => ["--var", `OIDC_${name}:${value}`])
  shop = await startDevAt(port, "--persist-to", state, ...flags)
})

afterAll(async () => {
  await shop?.stop()
  await people?.close()
  await rm(state, { recursive: true })
})

/** The site's own part: a verifier that it keeps, and a link to us. */
function begin() {
  const codeVerifier = randomBytes(32).toString("base64url")
  const codeChallenge = createHash("sha256").update(codeVerifier).digest("base64url")
  return {
    codeVerifier,
    start: `${api}/oauth/oidc?${new URLSearchParams({ redirectTo: `${SITE}/in`, codeChallenge })}`,
  }
}

/** As a browser does, which follows no redirect here. */
async function locationAfter(url: string | URL): Promise<URL> {
  const { status, headers } = await fetch(url, {
    redirect: "manual",
    headers: { accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" },
  })
  expect(status).toBe(302)
  return new URL(headers.get("location")!)
}

function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api}/${path}`, {
    method: "POST",
    headers: { origin: SITE, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  })
}

test("lists the provider that the environment describes", async () => {
  const answer = (await (await fetch(`${api}/providers`)).json()) as { data: unknown[] }
  expect(answer.data).toContainEqual({ name: "oidc", issuer: people.issuer })
})

test("42, 43, 33: somebody goes from the page to the provider and back, and the page exchanges the code", async () => {
  const { codeVerifier, start } = begin()
  const callback = await visit(await locationAfter(start), "ada")
  expect(`${callback.origin}${callback.pathname}`).toBe(`${api}/oauth/oidc/callback`)
  const home = await locationAfter(callback)
  expect(`${home.origin}${home.pathname}`).toBe(`${SITE}/in`)
  const code = home.searchParams.get("code")!

  const answer = await post("exchange", { code, codeVerifier })
  expect(answer.status).toBe(200)
  expect(answer.headers.get("access-control-allow-origin")).toBe(SITE)
  const session = (await answer.json()) as { accessToken: string }
  expect(session).toMatchObject({ user: { email: "ada@people.example", emailVerified: true, name: "ADA" } })
  const user = await fetch(`${api}/user`, { headers: { authorization: `Bearer ${session.accessToken}` } })
  expect(await user.json()).toMatchObject({ email: "ada@people.example" })

  expect((await post("exchange", { code, codeVerifier })).status).toBe(401)
  expect((await fetch(callback, { redirect: "manual" })).status).toBe(400)
  for (const secret of [code, codeVerifier, callback.searchParams.get("code")!, callback.searchParams.get("state")!])
    expect(shop.output()).not.toContain(secret)
})

test("36: the same account comes back the next time, with the refresh token in a cookie where the site wants it", async () => {
  const { codeVerifier, start } = begin()
  const code = (await locationAfter(await visit(await locationAfter(start), "ada"))).searchParams.get("code")
  const answer = await post("exchange?cookie=true", { code, codeVerifier })
  const session = (await answer.json()) as { user: object; refreshToken?: string }
  expect(session).toMatchObject({ user: { email: "ada@people.example" } })
  expect(session.refreshToken).toBeUndefined()
  const [cookie] = answer.headers.getSetCookie()
  expect(cookie).toMatch(/^__Host-selvedge=.*; Secure; SameSite=Strict$/)
  const refreshed = await post("refresh", {}, { cookie: cookie!.split(";")[0]! })
  expect(await refreshed.json()).toMatchObject({ user: { email: "ada@people.example" } })
})

test("somebody who changes their mind at the provider comes back without an account", async () => {
  const callback = await visit(await locationAfter(begin().start), undefined)
  const home = await locationAfter(callback)
  expect(Object.fromEntries(home.searchParams)).toEqual({ error: "access_denied" })
})
