/** What hostile clients try on `/v1/live`, and what they get. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { connect, type Message } from "./client.ts"
import { create, fed, newPerson, remove, update } from "./people.ts"

test("who is given more rights shares nothing of it with those who asked the same before", async () => {
  const name = newId()
  const { token } = await newPerson({ roles: ["staff"] })
  const query = (n: number) => ({ filter: { or: [{ name: `${name}${n}` }, { name }] }, expand: "tasks" })
  const promoted = await connect()
  for (let n = 0; n < 10; n++) await promoted.query(`${n}`, "projects", query(n))
  const watcher = await connect()
  for (let n = 0; n < 10; n++) await watcher.query(`${n}`, "projects", query(n))
  const open = await create("projects", { name, open: true })
  for (let n = 0; n < 10; n++) await watcher.next({ type: "change", id: `${n}`, recordId: open.id })
  promoted.send({ type: "auth", token })
  const closed = await create("projects", { name, open: false })
  await fed()
  for (let n = 0; n < 10; n++) await promoted.next((message) => message.id === `${n}` && holds(message, closed.id))
  await update("projects", open.id, { open: false })
  await watcher.next({ type: "change", op: "removed" })
  expect(watcher.messages.filter((message) => holds(message, closed.id))).toEqual([])
})

test("a place that was never given shows nothing of before", async () => {
  const genre = newId()
  const film = await create("films", { title: "a slip", genre })
  await update("films", film.id, { title: "mended" })
  const gone = await create("films", { title: "for a moment", genre })
  await remove("films", gone.id)
  await fed()
  const client = await connect()
  const { seq } = await client.query("1", "films", { genre })
  const [epoch, now, tag] = seq.split(".")
  for (const seal of [tag, `${tag.slice(0, 16)}0`, `${tag.slice(0, 16)}1`, "-".repeat(17)]) {
    const since = [epoch, `${Number(now) - 4}`.padStart(16, "0"), seal].join(".")
    expect(await client.query("1", "films", { genre }, since)).toMatchObject({
      type: "snapshot",
      data: [{ title: "mended" }],
    })
  }
  expect(JSON.stringify(client.messages)).not.toMatch(/a slip|for a moment/)
})

function holds(message: Message, text: string): boolean {
  return JSON.stringify(message).includes(text)
}
