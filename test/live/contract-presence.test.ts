/** Who is there: members of a channel come, change and go. API.md §4. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { eventually } from "../eventually.ts"
import { type Client, connect, type Message } from "./client.ts"
import { evict, newPerson } from "./people.ts"

const newRoom = () => `room:${newId()}`

/** The members as a client knows them, by id, that applies every frame. */
function membersOf(client: Client, id = "1"): Record<string, unknown> {
  const members = new Map<string, unknown>()
  for (const message of client.messages.filter((candidate) => candidate.id === id)) {
    if (message.type === "snapshot") {
      members.clear()
      for (const member of message.members) members.set(member.id, member.data)
    } else if (message.type === "presence") {
      for (const member of [...message.joined, ...message.updated]) members.set(member.id, member.data)
      for (const member of message.left) members.delete(member.id)
    }
  }
  return Object.fromEntries(members)
}

async function agree(clients: readonly Client[], wanted: Record<string, unknown>): Promise<void> {
  await eventually(() => {
    for (const client of clients) expect(membersOf(client)).toEqual(wanted)
  })
}

test("members are told of who comes, changes and goes", async () => {
  const room = newRoom()
  const [ada, bob] = [await newPerson({ name: "Ada" }), await newPerson()]
  const watcher = await connect()
  await watcher.join("1", room)
  const first = await connect({ token: ada.token })
  await first.join("1", room, { presence: { mood: "glad" } })
  expect(await watcher.next({ type: "presence" })).toEqual({
    ...{ type: "presence", id: "1", updated: [], left: [] },
    joined: [{ id: ada.id, name: "Ada", data: { mood: "glad" } }],
  })
  const second = await connect({ token: bob.token })
  const snapshot = await second.join("1", room, { presence: 1 })
  expect(snapshot.members).toContainEqual({ id: ada.id, name: "Ada", data: { mood: "glad" } })
  await agree([watcher, first, second], { [ada.id]: { mood: "glad" }, [bob.id]: 1 })
  first.send({ type: "presence", id: "1", data: { mood: "tired" } })
  await agree([watcher, first, second], { [ada.id]: { mood: "tired" }, [bob.id]: 1 })
  expect(watcher.messages.flatMap(({ updated = [] }) => updated)).toMatchObject([
    { id: ada.id, data: { mood: "tired" } },
  ])
  first.send({ type: "leave", id: "1" })
  await agree([watcher, second], { [bob.id]: 1 })
  await second.close()
  await agree([watcher], {})
})

test("one with two tabs is one member, until the last tab is closed", async () => {
  const room = newRoom()
  const { id, token } = await newPerson()
  const watcher = await connect()
  await watcher.join("1", room)
  const [one, other] = [await connect({ token }), await connect({ token })]
  await one.join("1", room, { presence: "one" })
  await agree([watcher], { [id]: "one" })
  await other.join("1", room, { presence: "other" })
  await agree([watcher], { [id]: "other" })
  await other.close()
  await watcher.quiet(400)
  expect(Object.keys(membersOf(watcher))).toEqual([id])
  expect(watcher.messages.flatMap(({ joined = [] }) => joined)).toHaveLength(1)
  await one.close()
  await agree([watcher], {})
})

test("nobody in particular is a member under the id of the connection", async () => {
  const room = newRoom()
  const watcher = await connect()
  await watcher.join("1", room)
  const guest = await connect()
  await guest.join("1", room, { presence: "a guest" })
  await agree([watcher, guest], { [guest.ready.connection]: "a guest" })
})

test("who signs in becomes another member", async () => {
  const room = newRoom()
  const { id, token } = await newPerson()
  const watcher = await connect()
  await watcher.join("1", room)
  const client = await connect()
  await client.join("1", room, { presence: "here" })
  await agree([watcher], { [client.ready.connection]: "here" })
  await client.authenticate(token)
  await agree([watcher], { [id]: "here" })
})

test("who joins without presence only watches, until it tells something", async () => {
  const room = newRoom()
  const { id, token } = await newPerson()
  const watcher = await connect({ token })
  expect((await watcher.join("1", room)).members).toEqual([])
  watcher.send({ type: "presence", id: "1", data: "now" })
  await agree([watcher], { [id]: "now" })
})

test("where presence isn't allowed there are no members", async () => {
  const [one, other] = [await newPerson({ roles: ["staff"] }), await newPerson({ roles: ["staff"] })]
  const name = `staff:${newId()}`
  const [client, second] = [await connect({ token: one.token }), await connect({ token: other.token })]
  expect(await client.join("1", name, { presence: 1 })).toMatchObject({
    type: "problem",
    id: "1",
    problem: { status: 403 },
  })
  expect(await client.join("1", name)).toMatchObject({ type: "snapshot", members: [] })
  await second.join("1", name)
  client.send({ type: "presence", id: "1", data: 1 })
  expect(await client.next({ type: "problem" })).toMatchObject({ id: "1", problem: { status: 403 } })
  expect((await second.quiet(300)).filter(({ type }) => type === "presence")).toEqual([])
})

test("who may not see members isn't told of them", async () => {
  const name = `wire:${newId()}`
  const { id, token } = await newPerson()
  const [inside, guest] = [await connect({ token }), await connect()]
  await guest.join("1", name)
  await inside.join("1", name, { presence: "inside" })
  await agree([inside], { [id]: "inside" })
  expect((await guest.quiet(300)).filter(({ type }) => type === "presence")).toEqual([])
  expect((await guest.join("2", name)).members).toEqual([])
})

test("what many do at once is told at once", async () => {
  const room = newRoom()
  const watcher = await connect()
  await watcher.join("1", room)
  const guests: Client[] = []
  for (let n = 0; n < 30; n++) guests.push(await connect())
  for (const guest of guests) guest.send({ type: "join", id: "1", channel: room, presence: 1 })
  await eventually(() => expect(Object.keys(membersOf(watcher))).toHaveLength(30))
  expect(watcher.messages.filter(({ type }) => type === "presence").length).toBeLessThan(15)
})

test("more than a member may tell is a problem", async () => {
  const client = await connect()
  const refused = await client.join("1", newRoom(), { presence: "x".repeat(20_000) })
  expect(refused).toMatchObject({ type: "problem", id: "1", problem: { status: 413 } })
})

test("hibernation of hubs and topics loses no member and invents none", async () => {
  const room = newRoom()
  const people = [await newPerson(), await newPerson()]
  const watcher = await connect()
  await watcher.join("1", room)
  const clients: Client[] = []
  for (const { token } of people) clients.push(await connect({ token }))
  await clients[0]!.join("1", room, { presence: 1 })
  await evict("HUB")
  await evict("TOPIC")
  await clients[1]!.join("1", room, { presence: 2 })
  await agree([watcher, ...clients], { [people[0]!.id]: 1, [people[1]!.id]: 2 })
  await evict("HUB")
  await evict("TOPIC")
  await clients[0]!.close()
  await agree([watcher, clients[1]!], { [people[1]!.id]: 2 })
  const late = await connect()
  expect((await late.join("1", room)).members.map(({ id }: Message) => id)).toEqual([people[1]!.id])
})
