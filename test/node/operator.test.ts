/** `npm run user` and `npm run keys`, run as an operator does. */

import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type LocalDatabase, openLocal, PROJECT_ROOT, whileBusy } from "../../scripts/local-env.ts"
import { applyMigrations, missingMigrations } from "../../scripts/local-migrations.ts"
import { sha256 } from "../../src/auth/secrets.ts"
import { createTokens } from "../../src/auth/tokens.ts"

const SECRET = "a secret for tests, with more than 32 characters"
const MINUTE_MS = 60_000

let state: string
/** Open beside the scripts, as a server's is. */
let local: LocalDatabase

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "selvedge-operator-"))
  local = await openLocal({ persistTo: state })
  await applyMigrations(local.db, await missingMigrations(local.db))
})

afterAll(async () => {
  await local?.dispose()
  await rm(state, { recursive: true })
})

test("an account is made with a link instead of a password, and only the link's hash is stored", async () => {
  const run = await runScript("user", [
    "create",
    "--email",
    "Boss@Example.com",
    "--role",
    "admin",
    "--url",
    "https://api.example",
  ])
  const [, token] = /^https:\/\/api\.example\/v1\/auth\/pages\/reset\?token=([\w-]{43})$/m.exec(run.stdout)!
  const [users, secrets, passwords] = await rows(
    "SELECT email, roles FROM _users",
    "SELECT purpose, hash FROM _one_time",
    "SELECT * FROM _passwords",
  )
  expect(users).toEqual([{ email: "boss@example.com", roles: '["admin"]' }])
  expect(secrets).toEqual([{ purpose: "invite", hash: sha256(`invite:${token}`) }])
  expect(passwords).toEqual([])
  const again = await runScript("user", ["create", "--email", "boss@example.com"])
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("has an account already") })
})

test("a password is read from standard input, held to the rules, and never stored as it is", async () => {
  const args = ["password", "--email", "boss@example.com"]
  expect(await runScript("user", args, "password123\n")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("guessed first"),
  })
  expect(await runScript("user", args, "a long enough passphrase\n")).toMatchObject({ code: 0 })
  const [passwords] = await rows("SELECT hash FROM _passwords")
  expect(passwords![0]!.hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1,/)
})

test("roles are exactly those given, and a ban is told apart from none", async () => {
  const person = ["--email", "boss@example.com"]
  await runScript("user", ["role", ...person, "--role", "staff", "--role", "it's"])
  await runScript("user", ["ban", ...person])
  expect(await rows("SELECT roles, banned_until > 0 AS banned FROM _users")).toEqual([
    [{ roles: '["staff","it\'s"]', banned: 1 }],
  ])
  await runScript("user", ["unban", ...person])
  expect(await rows("SELECT banned_until FROM _users")).toEqual([[{ banned_until: null }]])
  const [events] = await rows("SELECT event, actor FROM _auth_events ORDER BY id DESC LIMIT 1")
  expect(events).toEqual([{ event: "account_changed", actor: "operator" }])
})

test("a wrong command line says what is right and changes nothing", async () => {
  const wrong = [
    [],
    ["fly"],
    ["ban"],
    ["ban", "--email", "nobody@example.com"],
    ["create", "--email", "x@example.com", "--remote"],
  ]
  for (const run of await Promise.all(wrong.map((args) => runScript("user", args)))) {
    expect(run).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/\w/) })
  }
})

test("40: after a rotation the next key is published 5 minutes before it signs, and the old one verifies on", async () => {
  let at = Date.now()
  const isolate = () => createTokens({ db: local.db, secret: SECRET, now: () => at })
  const claims = { subject: "0199aaaa-0000-7000-8000-000000000001", roles: [], lifetimeSeconds: 600 }
  const before = await isolate().sign(claims)
  const [old] = (await isolate().jwks()).keys

  expect(await runScript("keys", ["rotate"])).toMatchObject({ code: 0, stderr: "" })
  const tokens = isolate()
  const published = (await tokens.jwks()).keys.map(({ kid }) => kid)
  expect(published).toHaveLength(2)
  expect(kidOf(await tokens.sign(claims))).toBe(old!.kid)

  at += 5 * MINUTE_MS + 1_000
  const after = await tokens.sign(claims)
  expect(kidOf(after)).toBe(published.find((kid) => kid !== old!.kid))
  expect(await tokens.verify(before)).toMatchObject({ id: claims.subject })

  expect(await runScript("keys", ["revoke", old!.kid!])).toMatchObject({ code: 0 })
  await expect(async () => isolate().verify(before)).rejects.toMatchObject({ code: "unauthenticated" })
  expect((await runScript("keys", ["list"])).stdout).toMatch(/^[\w-]{43} {2}signs from \S+\n$/)
})

test("a key whose id begins with a dash, as one in 64 does, is revoked like any other", async () => {
  const kid = `-${"k".repeat(42)}`
  await rows(
    `INSERT INTO _signing_keys (kid, alg, public_jwk, private_jwk, signs_from) VALUES ('${kid}', 'ES256', '{}', '', 0)`,
  )
  const run = await runScript("keys", ["revoke", kid])
  expect(run).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining(`Tokens of ${kid} are refused`) })
})

function kidOf(token: string): string {
  return JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString()).kid
}

async function rows(...statements: string[]) {
  const results = await whileBusy(() => local.db.batch(statements.map((sql) => local.db.prepare(sql))))
  return results.map((result) => result.results as Record<string, unknown>[])
}

interface ScriptRun {
  code: number
  stdout: string
  stderr: string
}

function runScript(name: "user" | "keys", args: string[], input = ""): Promise<ScriptRun> {
  const { promise, resolve } = Promise.withResolvers<ScriptRun>()
  const script = join(PROJECT_ROOT, `scripts/${name}.ts`)
  const child = execFile(
    process.execPath,
    [script, ...args, "--persist-to", state],
    { cwd: PROJECT_ROOT },
    (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
  )
  child.stdin!.end(input)
  return promise
}
