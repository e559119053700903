/** What bknd is on Node and on workerd alike. */

import { Agent } from "node:http"
import { ask, type BenchRequest } from "../../lib/ask.ts"
import { uuid } from "../../lib/seed.ts"
import { dataOf, NEW_POST } from "./data.ts"
import { type Peer, requestsOf } from "./peer.ts"

const POSTS = "/api/data/entity/posts"
const REGISTER: BenchRequest = {
  method: "POST",
  path: "/api/auth/password/register",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ email: "writer@bench.example", password: "a password of the bench" }),
  status: 200,
}

/** bknd's schema can't name an index on a relation. */
export const INDEX = "CREATE INDEX posts_by_author ON posts (authors_id, created_at, id)"

export const data = dataOf(uuid)

export const authorRows = [...data.authors, data.writer].map(({ id, name }) => ({ id, name }))

export const postRows = data.posts.map(({ id, title, body, authorId, createdAt }) => {
  const at = createdAt.toISOString()
  return { id, title, body, authors_id: authorId, created_at: at, updated_at: at }
})

/** Registers the one who writes. */
export async function peerOf(name: string, origin: string, leavesOut: string): Promise<Peer> {
  const agent = new Agent({ keepAlive: false })
  const { token } = JSON.parse(await ask(agent, origin, REGISTER)) as { token: string }
  const list = (author: string) => {
    const where = encodeURIComponent(JSON.stringify({ authors_id: author }))
    return `${POSTS}?where=${where}&sort=-created_at&limit=20`
  }
  return {
    name,
    origin,
    leavesOut,
    refusal: 403,
    names: { author: "authors_id", expanded: ["authors"] },
    requests: requestsOf({
      posts: data.posts.map(({ id }) => id),
      authors: data.authors.map(({ id }) => id),
      authorization: `Bearer ${token}`,
      get: (post) => `${POSTS}/${post}`,
      list,
      expand: (author) => `${list(author)}&with=authors`,
      create: { path: POSTS, body: { ...NEW_POST, authors_id: data.writer.id }, status: 201 },
    }),
  }
}
