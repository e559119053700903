/** What the model test draws: rules, queries, and what happens to records, connections and objects. */

import fc from "fast-check"
import type { Message } from "./client.ts"
import type { Fate } from "./lost-calls.ts"

/** Stands in a drawn rule or query for the person whose it is. */
export const SELF = "self"
export const PEOPLE = 3
export const BOARDS = 2

const rule = fc.constantFrom<object>(
  { ownerId: SELF },
  { done: false },
  { rank: { gte: 1 } },
  { tags: { has: "x" } },
  { secret: null },
  { title: { startsWith: "a" } },
  { board: { open: true } },
)
export const rules: fc.Arbitrary<boolean | object> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(true) },
  { weight: 2, arbitrary: rule },
  { weight: 2, arbitrary: fc.tuple(rule, rule).map((parts) => ({ or: parts })) },
  { weight: 1, arbitrary: fc.tuple(rule, rule).map(([one, other]) => ({ and: [one, { not: other }] })) },
)

const condition = fc.constantFrom<object>(
  {},
  { done: true },
  { rank: { lt: 2 } },
  { rank: null },
  { rank: { in: [0, 2] } },
  { title: { contains: "B" } },
  { title: { ne: "ab" } },
  { tags: { has: "y" } },
  { ownerId: SELF },
  { ownerId: { ne: SELF } },
  { board: { open: true } },
  { boardId: null },
)

export interface DrawnQuery {
  readonly filter: object
  readonly fields: string | undefined
  readonly expand: string | undefined
}

export const queries: fc.Arbitrary<DrawnQuery> = fc.record({
  filter: fc.oneof(
    condition,
    condition.map((part) => ({ not: part })),
    fc.tuple(condition, condition).map((parts) => ({ or: parts })),
    fc.tuple(condition, condition).map((parts) => ({ and: parts })),
  ),
  fields: fc.constantFrom(undefined, undefined, "id,title,rank", "id,ownerId,done"),
  expand: fc.constantFrom(undefined, undefined, undefined, "board"),
})

const card = fc.record(
  {
    title: fc.constantFrom("a", "ab", "b", "Ba", ""),
    rank: fc.constantFrom(null, 0, 1, 2),
    done: fc.boolean(),
    tags: fc.constantFrom(null, [], ["x"], ["x", "y"]),
    secret: fc.constantFrom(null, "secret 1", "secret 2"),
    owner: fc.nat(PEOPLE),
    board: fc.nat(BOARDS),
  },
  { requiredKeys: [] },
)
/** `owner` and `board` are numbers of people and boards; the one past the last is nobody's. */
export type DrawnCard = Partial<Message> & { readonly owner?: number; readonly board?: number }

const which = fc.nat(100)
const fates = fc.array(fc.constantFrom<Fate>("before", "after"), { minLength: 1, maxLength: 3 })
const kind = <K extends string>(name: K) => fc.constant(name)
const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: kind("create"), card }) },
  { weight: 8, arbitrary: fc.record({ kind: kind("update"), which, card }) },
  { weight: 3, arbitrary: fc.record({ kind: kind("remove"), which }) },
  { weight: 2, arbitrary: fc.record({ kind: kind("board"), which, open: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("removeBoard"), which }) },
  { weight: 2, arbitrary: fc.record({ kind: kind("flood"), count: fc.integer({ min: 10, max: 60 }), card }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: kind("query"), which, id: fc.constantFrom("1", "2", "3"), query: queries }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("leave"), which, id: fc.constantFrom("1", "2", "3") }) },
  { weight: 4, arbitrary: fc.record({ kind: kind("drop"), which }) },
  { weight: 4, arbitrary: fc.record({ kind: kind("return"), which, isMixedUp: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("rule"), which, rule: rules, seesSecrets: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: kind("hibernate") }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("restart") }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("lose"), fates }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: kind("evict"), object: fc.constantFrom("TOPIC" as const, "FEED" as const) }),
  },
)
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

export interface Story {
  readonly people: readonly { readonly rule: boolean | object; readonly seesSecrets: boolean }[]
  readonly queries: readonly DrawnQuery[]
  readonly cards: readonly DrawnCard[]
  /** Each is a step: its commands follow each other at once, then everything comes to rest. */
  readonly steps: readonly (readonly Command[])[]
}

export const stories: fc.Arbitrary<Story> = fc.record({
  people: fc.array(fc.record({ rule: rules, seesSecrets: fc.boolean() }), { minLength: PEOPLE, maxLength: PEOPLE }),
  queries: fc.array(queries, { minLength: PEOPLE, maxLength: PEOPLE }),
  cards: fc.array(card, { minLength: 3, maxLength: 3 }),
  steps: fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 6 }),
})
