import { anyOf, collection, defineBackend, owner } from "selvedge"
import { expect, test } from "vitest"
import { notes } from "../../test/fixture/schema.ts"
import type { Change, ChangeRow } from "../core/change.ts"
import type { Backend } from "../index.ts"
import { Followers } from "./followers.ts"
import { type LivePlan, planLive } from "./plan.ts"

const OWNER = "0199aaaa-0000-7000-8000-000000000001"
const FIRST = "0199aaaa-0000-7000-8000-000000000002"
const backend = defineBackend({
  tables: { notes },
  collections: {
    notes: collection(notes, {
      access: { read: anyOf(owner("ownerId"), () => ({ done: false })) },
      live: true,
    }),
  },
}) as Backend
const model = backend.collections.get("notes")!.table

test("whoever asks the same, in whatever words, makes one view, which goes with the last of them", () => {
  const followers = new Followers<string>()
  const one = plan({ title: "a", rank: { gte: 1, lt: 5 } })
  const same = plan({ filter: { and: [{ rank: { lt: 5 } }, { title: "a" }, { rank: { gte: 1 } }] }, limit: 3 })
  const other = plan({ title: "b" })
  followers.add(one, "ada")
  followers.add(same, "bob")
  followers.add(other, "cy")
  expect(followers.size).toBe(2)
  expect([...followers.ofTable("notes")].sort()).toEqual(["ada", "bob", "cy"])
  const [first, ...others] = followers.changed(inserted({ title: "a", rank: 2 }))
  expect(others).toEqual([])
  expect([...first!.subscribers]).toEqual(["ada", "bob"])
  expect(first!.viewChange).toMatchObject({ op: "added", recordId: FIRST })
  followers.remove(one, "ada")
  followers.remove(one, "ada")
  expect([...followers.subscribersOf(same)]).toEqual(["bob"])
  followers.remove(same, "bob")
  followers.remove(other, "cy")
  expect([followers.size, [...followers.ofTable("notes")]]).toEqual([0, []])
  expect(followers.changed(inserted({ title: "a", rank: 2 }))).toEqual([])
})

test("a change is told by the row before and by the row after", () => {
  const followers = new Followers<string>()
  for (const title of ["a", "b", "c"]) followers.add(plan({ title, fields: "id,rank" }), title)
  const told = (change: Change) =>
    followers.changed(change).map(({ subscribers, viewChange }) => [...subscribers, viewChange.op, viewChange.record])
  const [a, b] = [row({ title: "a", rank: 1 }), row({ title: "b", rank: 1 })]
  expect(told(updated(a, b))).toEqual([
    ["a", "removed", undefined],
    ["b", "added", `{"id":"${FIRST}","rank":1}`],
  ])
  expect(told(updated(a, { ...a, rank: 2 }))).toEqual([["a", "modified", `{"id":"${FIRST}","rank":2}`]])
  expect(told(updated(a, { ...a, body: "not among the fields" }))).toEqual([])
  expect(told({ ...updated(b, b), op: "delete", after: null })).toEqual([["b", "removed", undefined]])
})

test("a change asks those views alone that its values can be in, however many there are", () => {
  const asked = (count: number) => {
    const followers = new Followers<number>()
    for (let n = 0; n < count; n++) followers.add(plan({ title: `t${n}`, rank: { gte: 0 } }, `user ${n}`), n)
    for (let n = 0; n < 5; n++) followers.add(plan({ title: "t0", rank: { gte: n } }), -n)
    const { change, reads } = counted(row({ title: "t0", rank: 9, done: 0 }))
    expect(followers.changed(change)).toHaveLength(6)
    return reads()
  }
  expect(asked(3_000)).toBeLessThanOrEqual(asked(30) * 1.5)
})

test("what every row shares doesn't bind a view where something rarer does", () => {
  const followers = new Followers<number>()
  for (let n = 0; n < 2_000; n++) {
    // which of the two is rare can't be told from one filter: the body is the same in all of them
    followers.add(plan({ body: "same", title: `t${n}` }), n)
    followers.add(plan({ body: "same", filter: { or: [{ serial: `s${n}` }, { code: `c${n}` }] } }), n)
  }
  const { change, reads } = counted(row({ body: "same", title: "t7", serial: "s8", code: "c9", rank: 1 }))
  expect(followers.changed(change).flatMap(({ subscribers }) => [...subscribers])).toEqual([7, 8, 9])
  expect(reads()).toBeLessThan(200)
})

function plan(query: object, id = OWNER): LivePlan {
  return planLive(backend.collections, { kind: "user", id, roles: [] }, "notes", { query })
}

function row(values: ChangeRow): ChangeRow {
  const empty = Object.fromEntries(model.columns.map(({ name }) => [name, null]))
  return { ...empty, id: FIRST, created_at: 0, updated_at: 0, version: 1, done: 0, token: "t", ...values }
}

function inserted(values: ChangeRow): Change {
  return { seq: 1, table: "notes", recordId: FIRST, op: "insert", before: null, after: row(values), at: 0 }
}

function updated(before: ChangeRow, after: ChangeRow): Change {
  return { seq: 1, table: "notes", recordId: FIRST, op: "update", before, after, at: 0 }
}

/** Counts how often a column of the row is looked at. */
function counted(after: ChangeRow): { change: Change; reads: () => number } {
  let reads = 0
  const watched = new Proxy(after, {
    get: (target, name) => {
      reads++
      return Reflect.get(target, name)
    },
  })
  return { change: { ...inserted({}), after: watched }, reads: () => reads }
}
