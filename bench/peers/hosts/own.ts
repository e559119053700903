/** Selvedge and the bare Worker, as `npm run bench` has them. */

import { seed } from "../../lib/seed.ts"
import { hostOf, startServer, type WorkerName } from "../../lib/server.ts"
import { NEW_POST } from "../lib/data.ts"
import { type Host, type Peer, requestsOf } from "../lib/peer.ts"

export async function start(): Promise<Host> {
  const server = await startServer(false)
  const { posts, authors, caller, token } = await seed(server)
  const peer = (name: string, worker: WorkerName, more: Pick<Peer, "leavesOut" | "refusal">, body: object): Peer => ({
    name,
    origin: server.origins[worker],
    ...more,
    names: { author: "authorId", expanded: ["author"] },
    requests: requestsOf({
      posts,
      authors,
      headers: { Host: hostOf(worker) },
      authorization: `Bearer ${token}`,
      get: (post) => `/v1/posts/${post}`,
      list: (author) => `/v1/posts?authorId=${author}&sort=-createdAt&limit=20`,
      expand: (author) => `/v1/posts?authorId=${author}&sort=-createdAt&limit=20&expand=author`,
      create: { path: "/v1/posts", body, status: 201 },
    }),
  })
  return {
    peers: [
      peer("selvedge", "selvedge", { leavesOut: undefined, refusal: 401 }, NEW_POST),
      peer(
        "bare Worker",
        "bare",
        { leavesOut: "everything: token, rules, checks, changes, log", refusal: undefined },
        {
          ...NEW_POST,
          authorId: caller,
        },
      ),
    ],
    stop: server.stop,
  }
}
