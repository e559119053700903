/** Sign-in by hand: the same argon2id and ES256, an opaque refresh token that is replaced, and no check of anything else. */

import { base64url } from "jose"
import argon2 from "../../src/auth/argon2.wasm"
import { createPasswords } from "../../src/auth/passwords.ts"
import { createSecrets } from "../../src/auth/secrets.ts"

const LIFETIME_MS = 30 * 24 * 3600 * 1000
const encoder = new TextEncoder()
let key: Promise<CryptoKeyPair> | undefined

/** @param secret Peppers the hashes, which are Selvedge's. */
export async function signIn(
  db: D1Database,
  secret: string,
  { email, password }: Record<string, string>,
): Promise<Response> {
  const passwords = createPasswords({ module: argon2, secrets: createSecrets(secret) })
  const user = await db
    .prepare("SELECT id, hash FROM users WHERE email = ?")
    .bind(email)
    .first<{ id: string; hash: string }>()
  if (!user || !(await passwords.verify(password!, user.hash)).matches) return new Response(null, { status: 401 })
  const refreshToken = newToken()
  const insert = db.prepare("INSERT INTO sessions (token, user_id, expires_at) VALUES (?, ?, ?)")
  await insert.bind(refreshToken, user.id, Date.now() + LIFETIME_MS).run()
  return Response.json({ accessToken: await sign(user.id), refreshToken })
}

export async function refresh(db: D1Database, { refreshToken: old }: Record<string, string>): Promise<Response> {
  const refreshToken = newToken()
  const update = db.prepare(
    "UPDATE sessions SET token = ?, expires_at = ? WHERE token = ? AND expires_at > ? RETURNING user_id AS id",
  )
  const now = Date.now()
  const session = await update.bind(refreshToken, now + LIFETIME_MS, old, now).first<{ id: string }>()
  if (!session) return new Response(null, { status: 401 })
  return Response.json({ accessToken: await sign(session.id), refreshToken })
}

function newToken(): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(32)))
}

async function sign(subject: string): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
  key ??= crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]) as Promise<CryptoKeyPair>
  const { privateKey } = await key
  const claims = { sub: subject, exp: Math.floor(Date.now() / 1_000) + 600 }
  const [head, body] = [{ alg: "ES256", typ: "at+jwt" }, claims].map((part) => base64url.encode(JSON.stringify(part)))
  const signature = await crypto.subtle.sign(algorithm, privateKey, encoder.encode(`${head}.${body}`))
  return `${head}.${body}.${base64url.encode(new Uint8Array(signature))}`
}
