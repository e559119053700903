/** teenybase as a Worker, over D1. */

import { createHmac } from "node:crypto"
import { insert, uuid } from "../../lib/seed.ts"
import { dataOf, NEW_POST, SECRET } from "../lib/data.ts"
import { type Host, requestsOf } from "../lib/peer.ts"
import { startWorker } from "../lib/worker.ts"

const TABLES = [
  "CREATE TABLE authors (id TEXT PRIMARY KEY NOT NULL, created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, name TEXT NOT NULL)",
  "CREATE TABLE posts (id TEXT PRIMARY KEY NOT NULL, created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, title TEXT NOT NULL, body TEXT NOT NULL, author_id TEXT NOT NULL REFERENCES authors (id))",
  "CREATE INDEX posts_by_author ON posts (author_id, created, id)",
  "CREATE INDEX posts_by_creation ON posts (created, id)",
]
const POSTS = "/api/v1/table/posts"

export async function start(): Promise<Host> {
  const { origin, db, stop } = await startWorker("teenybase")
  const { authors, writer, posts } = dataOf(uuid)
  await db.batch(TABLES.map((table) => db.prepare(table)))
  await insert(
    db,
    "authors",
    [...authors, writer].map(({ id, name }) => ({ id, name })),
  )
  await insert(
    db,
    "posts",
    posts.map(({ id, title, body, authorId, createdAt }) => {
      const at = createdAt.toISOString().slice(0, 19).replace("T", " ")
      return { id, title, body, author_id: authorId, created: at, updated: at }
    }),
  )
  const requests = requestsOf({
    posts: posts.map(({ id }) => id),
    authors: authors.map(({ id }) => id),
    authorization: `Bearer ${tokenOf(writer.id)}`,
    get: (post) => `${POSTS}/view/${post}`,
    list: (author) => {
      const where = encodeURIComponent(`author_id == "${author}"`)
      return `${POSTS}/select?where=${where}&order=-created&limit=20`
    },
    create: {
      path: `${POSTS}/insert`,
      body: { values: { ...NEW_POST, author_id: writer.id }, returning: "*" },
      status: 200,
    },
  })
  const leavesOut = "expand, rules over rows, idempotency, change record"
  const names = { author: "author_id", expanded: [] }
  return { peers: [{ name: "teenybase on workerd", origin, leavesOut, refusal: 200, names, requests }], stop }
}

/** A user's token, as a sign-in makes it. */
function tokenOf(user: string): string {
  const now = Math.floor(Date.now() / 1_000)
  const claims = {
    ...{ cid: "users", id: user, sub: "writer@bench.example", user: "writer", verified: true, sid: user, meta: {} },
    ...{ iss: "$db", iat: now, exp: now + 3_600 },
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`
  return `${signed}.${createHmac("sha256", SECRET + SECRET)
    .update(signed)
    .digest("base64url")}`
}
