/** What the server sends: JSON text, put together from parts that many frames share. */

import type { ChannelMessage, PresenceEntry, PresentMember } from "../core/live.ts"
import { toProblem } from "../core/problem-document.ts"
import type { Address } from "./client-frames.ts"
import type { ViewChange } from "./plan.ts"

export function readyFrame(ready: {
  connection: string
  userId: string | undefined
  expiresAt: number | undefined
  retry: number
}): string {
  const { expiresAt, ...rest } = ready
  const ends = expiresAt !== undefined && Number.isFinite(expiresAt)
  return JSON.stringify({
    type: "ready",
    ...rest,
    ...(ends && { expiresAt: new Date(expiresAt).toISOString() }),
  })
}

export function problemFrame(error: unknown, connection: string, about: Address): string {
  const { problem, headers } = toProblem(error, "/v1/live", connection)
  const retryAfter = headers["Retry-After"]
  return JSON.stringify({
    type: "problem",
    ...about,
    problem: { ...problem, ...(retryAfter && { retryAfter: Number(retryAfter) }) },
  })
}

export function ackFrame(ref: string, seq: string): string {
  return JSON.stringify({ type: "ack", ref, seq })
}

/** @param rest As {@link snapshotRest} or {@link joinedRest} gave it. */
export function snapshotFrame(id: string, seq: string, rest: string): string {
  return `{"type":"snapshot","id":${JSON.stringify(id)},"seq":"${seq}",${rest}`
}

/** What snapshots of equal queries share. */
export function snapshotRest(data: string, page: unknown, sort: string, bookmark: string): string {
  return `"data":${data},"page":${JSON.stringify(page)},"sort":"${sort}","bookmark":"${bookmark}"}`
}

export function joinedRest(
  members: readonly PresentMember[],
  messages: readonly ChannelMessage[],
  seqOf: (message: ChannelMessage) => string,
): string {
  const told = messages.map((message) => `{"seq":"${seqOf(message)}",${messageRest(message)}`)
  return `"members":[${members.map(memberJson).join()}],"messages":[${told.join()}]}`
}

export function changeFrame(id: string, seq: string, rest: string): string {
  return `{"type":"change","id":${JSON.stringify(id)},"seq":"${seq}",${rest}`
}

/** What the frames of one change to equal queries share. */
export function changeRest({ op, recordId, record }: ViewChange, bookmark: string): string {
  const content = record === undefined ? "" : `,"record":${record}`
  return `"op":"${op}","recordId":${JSON.stringify(recordId)}${content},"bookmark":"${bookmark}"}`
}

export function messageFrame(id: string, seq: string, rest: string): string {
  return `{"type":"message","id":${JSON.stringify(id)},"seq":"${seq}",${rest}`
}

export function messageRest({ event, data, from, at }: ChannelMessage): string {
  return `"event":${JSON.stringify(event)},"data":${data},"from":${JSON.stringify(from)},"at":"${at}"}`
}

export function presenceFrame(id: string, entries: readonly Pick<PresenceEntry, "kind" | "member">[]): string {
  const of = (kind: PresenceEntry["kind"]) =>
    entries
      .filter((entry) => entry.kind === kind)
      .map(({ member }) => memberJson(member))
      .join()
  return `{"type":"presence","id":${JSON.stringify(id)},"joined":[${of("joined")}],"updated":[${of("updated")}],"left":[${of("left")}]}`
}

function memberJson({ id, name, data }: PresentMember): string {
  const named = name === undefined ? "" : `,"name":${JSON.stringify(name)}`
  return `{"id":${JSON.stringify(id)}${named},"data":${data}}`
}
