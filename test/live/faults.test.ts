/** What breaks under sockets heals, and the others never notice. */

import { env } from "cloudflare:workers"
import { newId } from "selvedge/tables"
import { afterEach, expect, test, vi } from "vitest"
import { changesOf } from "./agreement.ts"
import { openHub as open } from "./faulty-hub.ts"
import { create, fed, update } from "./people.ts"

type Hub = Awaited<ReturnType<typeof open>>
const hubs: Hub[] = []
let errors: { mockRestore(): void } | undefined

async function openHub(): Promise<Hub> {
  errors = vi.spyOn(console, "error").mockImplementation(() => {})
  const hub = await open()
  hubs.push(hub)
  return hub
}

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()))
  errors?.mockRestore()
})

test("a record that can't be shown ends the queries that show it, and no others", async () => {
  const genre = newId()
  const hub = await openHub()
  const [whole, narrow] = [await hub.connect(), await hub.connect()]
  const { id } = await create("films", { title: "a", genre })
  await whole.query("1", "films", { genre })
  await narrow.query("1", "films", { genre, fields: "id,title" })
  await env.DB.prepare("UPDATE films SET title = 'b', released_at = 9e15 WHERE id = ?").bind(id).run()
  await fed()
  expect(await narrow.next({ type: "change" })).toMatchObject({ record: { id, title: "b" } })
  expect(await whole.next({ id: "1", type: "problem" })).toMatchObject({ problem: { code: "internal" } })
  await update("films", id, { title: "c", releasedAt: null })
  expect(await narrow.next({ type: "change" })).toMatchObject({ record: { id, title: "c" } })
  expect(changesOf(whole)).toEqual([])
  expect(await whole.query("1", "films", { genre })).toMatchObject({ type: "snapshot" })
})
