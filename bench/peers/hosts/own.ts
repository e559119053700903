/** Selvedge, Selvedge that keeps answers, and the bare Worker, as `npm run bench` has them. */

import { type Seeded, seed } from "../../lib/seed.ts"
import { hostOf, startServer, type WorkerName } from "../../lib/server.ts"
import { NEW_POST } from "../lib/data.ts"
import { type Host, type Peer, requestsOf } from "../lib/peer.ts"

export async function start(): Promise<Host> {
  const server = await startServer(false)
  const seeded = await seed(server)
  const peer = (worker: WorkerName, more: Pick<Peer, "name" | "leavesOut" | "refusal">, body: object): Peer => ({
    ...more,
    origin: server.origins[worker],
    names: { author: "authorId", expanded: ["author"] },
    requests: requests(worker, body, seeded),
  })
  const selvedge = peer("selvedge", { name: "selvedge", leavesOut: undefined, refusal: 401 }, NEW_POST)
  const kept = peer("cached", { name: "selvedge, cached", leavesOut: "D1, as nothing changes", refusal: undefined }, {})
  const { create: _, ...reads } = kept.requests
  const everything = "everything: token, rules, checks, changes, log"
  const bare = peer(
    "bare",
    { name: "bare Worker", leavesOut: everything, refusal: undefined },
    { ...NEW_POST, authorId: seeded.caller },
  )
  return { peers: [selvedge, { ...kept, keeps: true, requests: reads }, bare], stop: server.stop }
}

function requests(worker: WorkerName, body: object, { posts, authors, token }: Seeded): Peer["requests"] {
  const list = (author: string) => `/v1/posts?authorId=${author}&sort=-createdAt&limit=20`
  return requestsOf({
    posts,
    authors,
    headers: { Host: hostOf(worker) },
    authorization: `Bearer ${token}`,
    get: (post) => `/v1/posts/${post}`,
    list,
    expand: (author) => `${list(author)}&expand=author`,
    create: { path: "/v1/posts", body, status: 201 },
  })
}
