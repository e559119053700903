/** `npm run token`, run as a developer does, beside a server that holds the same database open. */

import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decodeJwt } from "jose"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ensureDevVars, type LocalDatabase, openLocal, PROJECT_ROOT, whileBusy } from "../../scripts/local-env.ts"
import { applyMigrations, missingMigrations } from "../../scripts/local-migrations.ts"
import { createTokens, type Tokens } from "../../src/auth/tokens.ts"

const SESSION = { id: expect.stringMatching(/^[\w-]{22}$/), aal: 1, anonymous: false }

let state: string
let server: LocalDatabase
let tokens: Tokens

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-token-"))
  server = await openLocal({ persistTo: state })
  await applyMigrations(server.db, await missingMigrations(server.db))
  tokens = createTokens({ db: server.db, secret: await ensureDevVars(PROJECT_ROOT), now: Date.now })
})

afterAll(async () => {
  await server.dispose()
  await rm(state, { recursive: true })
})

test("the token alone is printed, and names a new user with its roles", async () => {
  const run = await runToken("--email", "Ada.L@Example.com", "--role", "staff", "--role", "admin", "--role", "staff")
  expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/) })
  const token = run.stdout.trim()
  const caller = await tokens.verify(token)
  expect(caller).toEqual({ kind: "user", id: expect.any(String), roles: ["staff", "admin"], session: SESSION })
  const { iat, exp } = decodeJwt(token)
  expect(exp! - iat!).toBe(24 * 3600)
  expect(await userOf("ada.l@example.com")).toMatchObject({
    id: caller.id,
    name: "ada.l",
    roles: '["staff","admin"]',
    version: 1,
  })
})

test("roles stay without --role, and are exactly those given with it", async () => {
  const { id } = (await userOf("ada.l@example.com"))!
  expect(await verified("--email", "ADA.L@example.com")).toEqual({
    kind: "user",
    id,
    roles: ["staff", "admin"],
    session: SESSION,
  })
  expect(await userOf("ada.l@example.com")).toMatchObject({ version: 1 })
  const changed = await verified("--email", "ada.l@example.com", "--role", "admin", "--name", "Ada")
  expect(changed).toEqual({ kind: "user", id, roles: ["admin"], session: SESSION })
  expect(await userOf("ada.l@example.com")).toMatchObject({ name: "Ada", roles: '["admin"]', version: 2 })
})

test("a user's token belongs to a session that stands as long, which no refresh token keeps alive", async () => {
  const { id, session } = await verified("--email", "carl@example.com", "--expires", "1h")
  const row = await server.db.prepare("SELECT * FROM _sessions WHERE id = ?").bind(session!.id).first()
  expect(row).toMatchObject({
    user_id: id,
    aal: 1,
    amr: '["cli"]',
    generation: 0,
    refresh_hash: "",
    user_agent: "npm-run-token",
    revoked_at: null,
    expires_at: Number(row!.created_at) + 3_600_000,
    idle_at: row!.expires_at,
  })
})

test("a banned or deleted account gets no token", async () => {
  await verified("--email", "dora@example.com")
  for (const column of ["banned_until", "deleted_at"]) {
    const set = (at: number | null) =>
      server.db.prepare(`UPDATE _users SET ${column} = ? WHERE email = 'dora@example.com'`).bind(at).run()
    await whileBusy(() => set(Date.now() + 60_000))
    const run = await runToken("--email", "dora@example.com", "--role", "admin")
    expect(run).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("banned or deleted") })
    await whileBusy(() => set(null))
  }
  expect(await userOf("dora@example.com")).toMatchObject({ roles: "[]" })
})

test("--service prints a token of the service, with the lifetime asked for", async () => {
  const { stdout } = await runToken("--service", "--expires", "15m")
  expect(await tokens.verify(stdout.trim())).toEqual({ kind: "service", id: "service", roles: [] })
  const { iat, exp } = decodeJwt(stdout)
  expect(exp! - iat!).toBe(900)
})

test("it works while the server writes", async () => {
  const done = new AbortController()
  const writing = writeUntil(done.signal)
  try {
    expect(await verified("--email", "bob@example.com")).toMatchObject({ kind: "user", roles: [] })
  } finally {
    done.abort()
    expect(await writing).toBeGreaterThan(0)
  }
})

test("before the first start it says what to do", async () => {
  const empty = join(state, "empty")
  const run = await runToken("--email", "ada@example.com", "--persist-to", empty)
  expect(run).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("run npm run dev first") })
})

test("a wrong command line prints no token", async () => {
  const wrong = [
    [],
    ["--emial", "ada@example.com"],
    ["--email", "ada"],
    ["--email", "ada@example.com", "--role", " "],
    ["--email", "ada@example.com", "--service"],
    ["--service", "--expires", "0h"],
    ["--service", "--expires", "31d"],
  ]
  const runs = await Promise.all(wrong.map((args) => runToken(...args)))
  for (const run of runs) expect(run).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/--/) })
})

interface TokenRun {
  code: number
  stdout: string
  stderr: string
}

function runToken(...args: string[]): Promise<TokenRun> {
  const folder = args.includes("--persist-to") ? [] : ["--persist-to", state]
  const { promise, resolve } = Promise.withResolvers<TokenRun>()
  const script = join(PROJECT_ROOT, "scripts/token.ts")
  execFile(process.execPath, [script, ...args, ...folder], { cwd: PROJECT_ROOT }, (error, stdout, stderr) => {
    resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
  })
  return promise
}

async function verified(...args: string[]) {
  const { stdout, stderr } = await runToken(...args)
  if (stdout === "") throw new Error(stderr)
  return tokens.verify(stdout.trim())
}

function userOf(email: string) {
  return server.db.prepare("SELECT * FROM _users WHERE email = ?").bind(email).first()
}

/** @returns How many writes were made. */
async function writeUntil(signal: AbortSignal): Promise<number> {
  let writes = 0
  while (!signal.aborted) {
    const key = `written-${writes++}`
    const write = server.db.prepare("INSERT INTO _meta (key, value) VALUES (?, '') ON CONFLICT DO NOTHING").bind(key)
    await whileBusy(() => write.run())
  }
  return writes
}
