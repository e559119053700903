/** That each peer does the same work: nobody is measured on an error, or on an emptier answer. */

import { Agent } from "node:http"
import { ask } from "../../lib/ask.ts"
import { BODY } from "../../lib/seed.ts"
import { type Peer, WORK, type Work } from "./peer.ts"

type Fields = Readonly<Record<string, unknown>>

const SOCKETS = 16
const LIST = 20
const AUTHORS = 100
const LAST = 9_900
/** Of the first request of each kind. */
const FIRST_POST = ["Post 0"]
const FIRST_LIST = Array.from({ length: LIST }, (_, i) => `Post ${LAST - i * AUTHORS}`)
const TITLES: Record<Work, readonly string[]> = {
  get: FIRST_POST,
  list: FIRST_LIST,
  expand: FIRST_LIST,
  "get + auth": FIRST_POST,
  create: ["A new post"],
}

/** @throws Error when an answer isn't what every other peer answers, or when a create passes without a token. */
export async function checkPeer(peer: Peer): Promise<void> {
  const agent = new Agent({ keepAlive: false })
  for (const work of WORK) {
    const [request] = peer.requests[work] ?? []
    if (!request) continue
    const text = await ask(agent, peer.origin, request)
    const records = recordsOf(JSON.parse(text))
    const isRight =
      records.map(({ title }) => title).join() === TITLES[work].join() &&
      records.every((record) => record.body === BODY && typeof record[peer.names.author] === "string") &&
      (work !== "expand" || records.every((record) => authorOf(record, peer.names.expanded).name === "Author 0"))
    if (!isRight) throw new Error(`${peer.name}, ${work}: ${request.path} answers ${text.slice(0, 500)}`)
  }
  if (peer.refusal) await checkRefusal(agent, peer, peer.refusal)
}

/** So that a peer which keeps answers has them. */
export async function askForAll({ origin, requests }: Peer, kinds: readonly Work[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS })
  const all = kinds.flatMap((work) => requests[work] ?? [])
  await Promise.all(all.map((request) => ask(agent, origin, request)))
  agent.destroy()
}

/** What lists and records are wrapped in. */
function recordsOf(answer: unknown): Fields[] {
  const { data, items } = answer as Fields
  const inner = data ?? items ?? answer
  return (Array.isArray(inner) ? inner : [inner]) as Fields[]
}

function authorOf(record: Fields, path: readonly string[]): Fields {
  return path.reduce((value, name) => (value[name] ?? {}) as Fields, record)
}

/** teenybase refuses by a list of nothing, so the answer must not hold the post either. */
async function checkRefusal(agent: Agent, { name, origin, requests }: Peer, status: number): Promise<void> {
  const [create] = requests.create!
  const { Authorization: _, ...headers } = create!.headers
  const answer = await ask(agent, origin, { ...create!, headers, status })
  if (answer.includes(BODY)) throw new Error(`${name} doesn't refuse a create without a token`)
}
