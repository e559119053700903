/** What a channel has told, as its state. */

import type { ChannelMember, ChannelMessage, ChannelState } from "../channel-types.ts"
import type { ProblemError } from "../problem.ts"
import type { Value } from "../store.ts"
import type { ChannelFrame, ServerMessage } from "./frames.ts"
import type { Wish } from "./subscriber.ts"

const MOST_MESSAGES = 1_000
/** The server gathers for as long. */
const TELL_EVERY_MS = 100

export interface Channel {
  readonly wish: Wish
  present(data: unknown): void
  leave(): void
}

/** @param tell Sends what a member says about itself. */
export function openChannel(
  name: string,
  presence: unknown,
  state: Value<ChannelState>,
  tell: (data: unknown) => void,
): Channel {
  let told = presence
  let timer: ReturnType<typeof setTimeout> | undefined
  /** Until the first word of it: who is there is told as a whole. */
  let isNew = true
  let hasJoined = false

  const set = (news: Partial<ChannelState>) => state.set({ ...state.get(), ...news })

  const wish: Wish = {
    frame() {
      isNew = true
      return { type: "join", channel: name, presence: told }
    },
    path: () => undefined,
    take(message) {
      const { messages, members } = state.get()
      const frame = message as ServerMessage & ChannelFrame
      if (frame.type === "message") {
        const { seq, event, data, from, at } = frame
        set({ messages: append(messages, [{ seq, event, data, from, at }]) })
      } else if (frame.type === "snapshot") {
        isNew = false
        hasJoined = true
        const [first] = frame.messages
        const before = first ? messages.filter(({ seq }) => seq < first.seq) : messages
        set({ status: "joined", messages: append(before, frame.messages), members: frame.members })
      } else {
        set({ members: isNew ? frame.joined : merge(members, frame) })
        isNew = false
      }
    },
    fail(problem: ProblemError) {
      set({ status: "failed", problem, members: [] })
    },
    connected(isConnected) {
      set({ status: isConnected ? (hasJoined ? "joined" : "joining") : "offline", problem: undefined })
    },
    forget() {
      hasJoined = false
      set({ status: "joining", problem: undefined, messages: [], members: [] })
    },
  }

  return {
    wish,
    present(data) {
      told = data
      timer ??= setTimeout(() => {
        timer = undefined
        tell(told)
      }, TELL_EVERY_MS)
    },
    leave: () => clearTimeout(timer),
  }
}

/** Each once. */
function append(known: readonly ChannelMessage[], more: readonly ChannelMessage[]): readonly ChannelMessage[] {
  const last = known.at(-1)?.seq ?? ""
  return [...known, ...more.filter(({ seq }) => seq > last)].slice(-MOST_MESSAGES)
}

function merge(
  members: readonly ChannelMember[],
  { joined, updated, left }: Extract<ChannelFrame, { type: "presence" }>,
): readonly ChannelMember[] {
  const byId = new Map(members.map((member) => [member.id, member]))
  for (const member of [...joined, ...updated]) byId.set(member.id, member)
  for (const { id } of left) byId.delete(id)
  return [...byId.values()]
}
