/** A joined channel: what it has told, as its state. */

import type { ChannelMember, ChannelMessage, ChannelOptions, ChannelState } from "../channel-types.ts"
import { refusal } from "../problem.ts"
import { call, type Value } from "../store.ts"
import type { JoinedChannel } from "./contract.ts"
import type { ChannelFrame, PresenceFrame, ServerMessage } from "./frames.ts"
import { Publishes } from "./publishes.ts"
import type { Wish } from "./subscriber.ts"

const MOST_MESSAGES = 1_000
/** The server gathers for as long. */
const PRESENT_EVERY_MS = 100
const LEFT = refusal("not_found", 404, "The channel was left.")

/** What the connection does for one of its subscribers. */
export interface Line {
  /** @returns Whether it is asked for at the moment. @throws ProblemError for what is too large. */
  send(frame: object): boolean
  end(): void
}

export function joinChannel(
  subscribe: (wish: Wish) => Line,
  name: string,
  { presence }: ChannelOptions,
  state: Value<ChannelState>,
): JoinedChannel {
  let told = presence
  let telling: ReturnType<typeof setTimeout> | undefined
  let hasLeft = false
  let isKnown = false
  /** Until the first word of a connection about them: it tells of all. */
  let areMembersOld = false

  const line = subscribe({
    frame() {
      areMembersOld = true
      return { type: "join", channel: name, presence: told }
    },
    take(message) {
      const frame = message as ServerMessage & ChannelFrame
      const { messages, members } = state.get()
      if (frame.type === "message") {
        const { seq, event, data, from, at } = frame
        set({ messages: append(messages, [{ seq, event, data, from, at }]) })
        return
      }
      if (frame.type === "snapshot") {
        isKnown = true
        const [first] = frame.messages
        const before = first ? messages.filter(({ seq }) => seq < first.seq) : messages
        set({ status: "joined", messages: append(before, frame.messages), members: frame.members })
      } else set({ members: merge(areMembersOld ? [] : members, frame) })
      areMembersOld = false
    },
    fail(problem) {
      set({ status: "failed", problem, members: [] })
      publishes.refuse(problem)
    },
    connected(isConnected) {
      set({ status: isConnected ? (isKnown ? "joined" : "joining") : "offline", problem: undefined })
    },
    forget() {
      isKnown = false
      publishes.refuse(refusal("unauthenticated", 401, "Somebody else is signed in now."))
      set({ status: "joining", problem: undefined, messages: [], members: [] })
    },
    asked: () => publishes.sendAll(),
    lost: () => publishes.lost(),
    answer: (message) => publishes.answer(message),
  })
  const publishes = new Publishes(line.send)

  function set(news: Partial<ChannelState>): void {
    if (!hasLeft) state.set({ ...state.get(), ...news })
  }

  return {
    async publish(event, data) {
      const { status, problem } = state.get()
      if (hasLeft) throw LEFT
      if (status === "failed") throw problem
      return publishes.add(event, data)
    },
    present(data) {
      told = data
      telling ??= setTimeout(() => {
        telling = undefined
        call(() => line.send({ type: "presence", data: told }))
      }, PRESENT_EVERY_MS)
    },
    leave() {
      hasLeft = true
      clearTimeout(telling)
      line.end()
      publishes.refuse(LEFT)
    },
  }
}

/** Each once. */
function append(known: readonly ChannelMessage[], more: readonly ChannelMessage[]): readonly ChannelMessage[] {
  const last = known.at(-1)?.seq ?? ""
  return [...known, ...more.filter(({ seq }) => seq > last)].slice(-MOST_MESSAGES)
}

function merge(members: readonly ChannelMember[], { joined, updated, left }: PresenceFrame): readonly ChannelMember[] {
  const byId = new Map(members.map((member) => [member.id, member]))
  for (const member of [...joined, ...updated]) byId.set(member.id, member)
  for (const { id } of left) byId.delete(id)
  return [...byId.values()]
}
