/** People with passwords, at Selvedge and at the bare Worker, each with a session that is to be refreshed. */

import { createHash } from "node:crypto"
import { Agent } from "node:http"
import { ask } from "./ask.ts"
import { insert } from "./seed.ts"
import { type BenchServer, hostOf } from "./server.ts"

/** More than there are connections, so that no two requests have one refresh token. */
const ACCOUNTS = 24
const PASSWORD = "correct horse battery staple"

export interface Accounts {
  readonly emails: readonly string[]
  readonly password: string
  /** The first of each session. */
  readonly refreshTokens: readonly string[]
  readonly bareRefreshTokens: readonly string[]
}

export async function openAccounts({ origins, databases: { selvedge, bare } }: BenchServer): Promise<Accounts> {
  const emails = Array.from({ length: ACCOUNTS }, (_, i) => `person-${i}@bench.example`)
  const agent = new Agent({ keepAlive: true })
  const refreshTokens: string[] = []
  for (const email of emails) {
    const headers = { Host: hostOf("selvedge"), "Content-Type": "application/json" }
    const body = JSON.stringify({ email, password: PASSWORD })
    const request = { method: "POST", path: "/v1/auth/sign-up", headers, body, status: 201 }
    refreshTokens.push(JSON.parse(await ask(agent, origins.selvedge, request)).refreshToken)
  }
  agent.destroy()
  const { results } = await selvedge
    .prepare("SELECT u.id, u.email, p.hash FROM _users u JOIN _passwords p ON p.user_id = u.id")
    .all<{ id: string; email: string; hash: string }>()
  await bare.prepare("CREATE TABLE users (email TEXT PRIMARY KEY, id TEXT NOT NULL, hash TEXT NOT NULL)").run()
  await insert(bare, "users", results)
  const bareRefreshTokens = emails.map((email) => createHash("sha256").update(email).digest("base64url"))
  const sessions = bareRefreshTokens.map((token, i) => ({ token, user_id: results[i]!.id, expires_at: 2 ** 48 }))
  await insert(bare, "sessions", sessions)
  return { emails, password: PASSWORD, refreshTokens, bareRefreshTokens }
}
