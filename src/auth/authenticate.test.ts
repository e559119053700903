import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { ANONYMOUS } from "../core/caller.ts"
import type { SelvedgeError } from "../core/problem.ts"
import { authenticate } from "./authenticate.ts"
import { ADA, createClock, refusalOf, SECRET } from "./key.fixture.ts"
import { createKeys } from "./keys.ts"
import { createTokens, type Tokens } from "./tokens.ts"

let tokens: Tokens
let token: string
const keys = createKeys({ db: env.DB, now: Date.now })

beforeEach(async () => {
  await env.DB.exec("DELETE FROM _signing_keys")
  tokens = createTokens({ db: env.DB, secret: SECRET, now: createClock().now })
  token = await tokens.sign({ subject: ADA, roles: ["staff"], lifetimeSeconds: 600 })
})

test("no header is the anonymous caller, at once", () => {
  expect(authenticate(null, tokens, keys)).toBe(ANONYMOUS)
})

test("a Bearer token is its user; the scheme may be in any case", async () => {
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    expect(await authenticate(`${scheme} ${token}`, tokens, keys)).toEqual({ kind: "user", id: ADA, roles: ["staff"] })
  }
  expect(authenticate(`Bearer ${token}`, tokens, keys)).not.toBeInstanceOf(Promise)
})

test("anything but one well-formed Bearer token is 401, never anonymous", async () => {
  const malformed = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    token,
    `Basic ${btoa("ada:secret")}`,
    `Token ${token}`,
    `Bearer${token}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token},`,
    ` Bearer ${token}`,
    `Bearer ${token} `,
    `Bearer\t${token}`,
    `Bearer "${token}"`,
    `Bearer ${token}\n`,
    "Bearer tokén",
    "Bearer null;",
  ]
  for (const header of malformed) {
    const error = await refusalOf(() => authenticate(header, tokens, keys))
    expect(error, JSON.stringify(header)).toMatchObject({
      code: "unauthenticated",
      headers: { "WWW-Authenticate": 'Bearer realm="selvedge"' },
    })
  }
})

test("a Bearer token that isn't ours is 401 with error invalid_token", async () => {
  for (const text of ["undefined", "null", "a.b.c", "x", token.slice(0, -4), `${token}=`, `${token}.x`]) {
    const error = (await refusalOf(() => authenticate(`Bearer ${text}`, tokens, keys))) as SelvedgeError
    expect(error.code, text).toBe("unauthenticated")
    expect(error.headers!["WWW-Authenticate"]).toMatch(/^Bearer error="invalid_token", error_description="[\w ]+"$/)
  }
})

test("15: a refusal repeats nothing of the token", async () => {
  const changed = `${token.slice(0, -6)}AAAAAA`
  const error = (await refusalOf(() => authenticate(`Bearer ${changed}`, tokens, keys))) as SelvedgeError
  const said = JSON.stringify([error.message, error.headers, error.errors, String(error.cause)])
  for (const part of changed.split(".")) expect(said).not.toContain(part)
})
