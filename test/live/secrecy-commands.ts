/** What the test of secrecy draws: rules, records, and what happens to them and to those who watch. */

import fc from "fast-check"
import { type DrawnQuery, queries, rules } from "./model-commands.ts"

export const PEOPLE = 10
/** Of each table. */
const ROWS = 4
/** Those with a socket and those with a stream. */
const WATCHERS = PEOPLE + 3

export interface DrawnRule {
  readonly rule: boolean | object
  readonly seesSecrets: boolean
}
const rule: fc.Arbitrary<DrawnRule> = fc.record({ rule: rules, seesSecrets: fc.boolean() })

const record = fc.record({
  table: fc.constantFrom("cards" as const, "cards" as const, "reviews" as const),
  which: fc.nat(ROWS),
  prefix: fc.constantFrom("a", "b", ""),
  rank: fc.constantFrom(null, 0, 1, 2),
  done: fc.boolean(),
  hidden: fc.boolean(),
  tags: fc.constantFrom(null, ["x"], ["x", "y"]),
  isBare: fc.boolean(),
  owner: fc.nat(PEOPLE),
  board: fc.nat(3),
})
/** `which`, `owner` and `board` are numbers; the one past the last is a new row, nobody's, on no board. */
export type DrawnRecord = typeof record extends fc.Arbitrary<infer R> ? R : never

const who = fc.nat(WATCHERS - 1)
const kind = <K extends string>(name: K) => fc.constant(name)
const command = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: kind("write"), who, record }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind("remove"),
      who,
      table: fc.constantFrom("cards", "reviews"),
      which: fc.nat(ROWS),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kind("board"), who, which: fc.nat(2) }) },
  { weight: 5, arbitrary: fc.record({ kind: kind("rule"), who, rule }) },
  { weight: 2, arbitrary: fc.record({ kind: kind("query"), who, id: fc.constantFrom("1", "2"), query: queries }) },
  { weight: 1, arbitrary: fc.record({ kind: kind("probe"), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: kind("narrow"),
      who,
      scopes: fc.constantFrom(["cards:read"], ["reviews:read"], ["cards:create"]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("arrive"), who }) },
  { weight: 4, arbitrary: fc.record({ kind: kind("drop"), who }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: kind("return"), who, since: fc.constantFrom("last", "forged", "none") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: kind("hibernate"), who }) },
)
/** `who` is the number of a watcher; of those that return, among those who are away. */
export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never

export interface Story {
  readonly people: readonly DrawnRule[]
  readonly queries: readonly DrawnQuery[]
  /** Written before anybody watches; some stand for the same row, whose earlier version nobody is to see. */
  readonly records: readonly DrawnRecord[]
  readonly isExpanded: boolean
  /** Each is a step: its commands follow each other at once, then everything comes to rest. */
  readonly steps: readonly (readonly Command[])[]
}

const several = <T>(one: fc.Arbitrary<T>, count: number) => fc.array(one, { minLength: count, maxLength: count })

export const stories: fc.Arbitrary<Story> = fc.record({
  people: several(rule, PEOPLE),
  queries: several(queries, WATCHERS),
  records: several(record, 2 * ROWS),
  isExpanded: fc.boolean(),
  steps: fc.array(fc.array(command, { minLength: 8, maxLength: 16, size: "max" }), {
    minLength: 3,
    maxLength: 3,
    size: "max",
  }),
})
