/** What each live client must have been told when everything has come to rest. */

import type { Message } from "../../live/client.ts"
import { sortById } from "../../live/picture.ts"
import type { Serving } from "./serving.ts"
import { FOLLOWED, RELATED, type Subscriber } from "./subscribers.ts"

const CHANGES = `SELECT seq, record_id AS id, after FROM _changes WHERE table_name = 'entries' ORDER BY seq`
/** Which part of a position is its number. */
const NUMBER = 1

interface Expected {
  readonly seq: number
  readonly op: string
  readonly recordId: string
  readonly version: number | undefined
}

export async function findLiveViolations(serving: Serving, all: readonly Subscriber[]): Promise<string[]> {
  const [changes] = await serving.run([CHANGES])
  const expected = followedChanges(changes!)
  const [followed, related] = [await list(serving.url, FOLLOWED), await list(serving.url, RELATED)]
  const said = new Map(all.flatMap(({ published }) => [...published]).map(([text, seq]) => [seq, text]))
  const last = Math.max(...all.flatMap(({ messages }) => messages.map(numberOf)))
  const present = JSON.stringify(all.map(({ connection }) => connection).sort())
  return all.flatMap((subscriber, at) =>
    [
      ...subscriber.problems.filter(isRefusal).map((message) => `a problem: ${JSON.stringify(message.problem)}`),
      ...subscriber.followed.faults.map((fault) => `following: ${fault}`),
      ...subscriber.related.faults.map((fault) => `through a relation: ${fault}`),
      ...unlike("following", subscriber.followed.sorted(), followed),
      ...unlike("through a relation", subscriber.related.sorted(), related),
      ...findGaps(subscriber.told, expected),
      ...findMessageFaults(subscriber, said, last),
      ...(JSON.stringify([...subscriber.members].sort()) === present
        ? []
        : [`${subscriber.members.size} members instead of ${all.length}`]),
    ].map((violation) => `live client ${at}: ${violation}`),
  )
}

/** What the changes of entries mean to those who follow: a row was among theirs, or is now. */
function followedChanges(changes: readonly Record<string, unknown>[]): Expected[] {
  const held = new Set<string>()
  return changes.flatMap(({ seq, id, after }) => {
    // of an update it is the row of before, and what the trigger has made of it
    const { amount, steps, version } = Object.assign({}, ...[JSON.parse(after as string)].flat())
    const had = held.delete(id as string)
    const has = amount <= FOLLOWED.amount.lte && steps < FOLLOWED.steps.lt
    if (has) held.add(id as string)
    if (!had && !has) return []
    const op = !had ? "added" : has ? "modified" : "removed"
    return [{ seq: seq as number, op, recordId: id as string, version: has ? version : undefined }]
  })
}

/** What the list gives, page by page. */
async function list(url: string, query: Record<string, object>): Promise<Message[]> {
  const records: Message[] = []
  let after: string | null = null
  do {
    const address = new URL("v1/entries", url)
    for (const [name, value] of Object.entries(query)) {
      if (name === "filter") address.searchParams.set(name, JSON.stringify(value))
      else for (const [op, bound] of Object.entries(value)) address.searchParams.set(`${name}[${op}]`, String(bound))
    }
    if (after) address.searchParams.set("after", after)
    const response = await fetch(address)
    if (!response.ok) throw new Error(await response.text())
    const page = (await response.json()) as { data: Message[]; page: { next: string | null } }
    records.push(...page.data)
    after = page.page.next
  } while (after)
  return sortById(records)
}

/** A topic that starts can't be reached for a moment; who hasn't joined for that can't publish. */
function isRefusal({ problem, ref }: Message): boolean {
  return problem.status < 500 && !(problem.status === 404 && ref !== undefined)
}

function unlike(what: string, held: readonly Message[], listed: readonly Message[]): string[] {
  if (JSON.stringify(held) === JSON.stringify(listed)) return []
  const missing = listed.filter((record) => !held.some(({ id }) => id === record.id))
  return [`${what}: it holds ${held.length} records and the list has ${listed.length}: ${JSON.stringify(missing[0])}`]
}

/** Each change in order, once, from the one snapshot at the beginning to the end. */
function findGaps(told: readonly Message[], expected: readonly Expected[]): string[] {
  const [snapshot, ...changes] = told
  if (snapshot?.type !== "snapshot") return ["following: nothing was told"]
  if (changes.some(({ type }) => type === "snapshot")) return ["following: a further snapshot, though nothing was lost"]
  const due = expected.filter(({ seq }) => seq > numberOf(snapshot))
  const place = due.findIndex((change, at) => !isSame(change, changes[at]))
  if (place >= 0) return [`following: ${JSON.stringify(changes[place])} came in place of ${JSON.stringify(due[place])}`]
  return changes.length > due.length ? [`following: ${JSON.stringify(changes[due.length])} came from nowhere`] : []
}

function isSame(change: Expected, message: Message | undefined): boolean {
  if (message === undefined || numberOf(message) !== change.seq) return false
  return message.op === change.op && message.recordId === change.recordId && message.record?.version === change.version
}

function findMessageFaults(
  { messages, channelSnapshots }: Subscriber,
  said: ReadonlyMap<string, string>,
  last: number,
) {
  const numbers = messages.map(numberOf)
  const hole = numbers.findIndex((number, at) => number !== numbers[0]! + at)
  const texts = new Map(messages.map(({ seq, data }) => [seq as string, data as string]))
  const changed = [...said].filter(
    ([seq, text]) => Number(seq.split(".")[NUMBER]) >= numbers[0]! && texts.get(seq) !== text,
  )
  return [
    ...(channelSnapshots === 1 ? [] : [`channel: ${channelSnapshots} snapshots, though nothing was lost`]),
    ...(hole < 0 ? [] : [`channel: message ${numbers[hole]} came behind ${numbers[hole - 1]}`]),
    ...(numbers.at(-1) === last ? [] : [`channel: it ended with message ${numbers.at(-1)} and others with ${last}`]),
    ...(changed.length === 0 ? [] : [`channel: acknowledged and not heard so: ${JSON.stringify(changed[0])}`]),
    ...(new Set(texts.values()).size === messages.length ? [] : ["channel: a text came twice"]),
  ]
}

function numberOf({ seq }: Message): number {
  return Number((seq as string).split(".")[NUMBER])
}
