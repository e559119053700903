/** What hostile clients try on `/v1/live`, and what they get. */

import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import { connect, type Message } from "./client.ts"
import { create, fed, newPerson, update } from "./people.ts"

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

function holds(message: Message, text: string): boolean {
  return JSON.stringify(message).includes(text)
}
