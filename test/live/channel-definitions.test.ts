import { anyone, type Caller, channel, role, signedIn } from "selvedge"
import { afterEach, expect, test, vi } from "vitest"
import * as z from "zod"
import { ANONYMOUS, SERVICE } from "../../src/core/caller.ts"
import type { ChannelDefinition } from "../../src/live/channel.ts"
import { compileChannels, findChannel } from "../../src/live/channels.ts"

const ADA: Caller = { kind: "user", id: "ada", roles: [] }
const ERA: Caller = { kind: "user", id: "era", roles: ["staff"] }

/** Definitions that TypeScript would refuse, as plain JavaScript could write them. */
const loose = channel as unknown as (pattern: unknown, options: object) => ChannelDefinition
const compiled = (definition: unknown) => [...compileChannels([definition]).values()][0]!
const patterns = (...texts: string[]) => compileChannels(texts.map((text) => loose(text, {})))

afterEach(() => {
  vi.restoreAllMocks()
})

test.each<[string, unknown, object, RegExp]>([
  ["an empty pattern", "", {}, /^channel : the pattern is empty; write a name such as room:\{id\}$/],
  ["a pattern that is no text", 5, {}, /^channel 5: the pattern is empty/],
  ["another character", "room {id}", {}, /^channel room \{id\}: room \{id\} holds no parameter; write/],
  ["a letter of another alphabet", "straße", {}, /^channel straße: straße holds other characters than letters/],
  ["a parameter without a name", "room:{}", {}, /\{\} holds no parameter; write \{name\}/],
  ["a parameter that isn't closed", "room:{id", {}, /\{id holds no parameter/],
  ["a parameter named like a number", "room:{1}", {}, /\{1\} holds no parameter/],
  ["two parameters side by side", "{a}-{b}", {}, /nothing tells the parameters of \{a\}-\{b\} apart; put : or \//],
  ["a parameter twice", "{a}:{a}", {}, /the parameter a stands twice; give each/],
  ["a pattern that no name can hold", "x".repeat(257), {}, /longer than 256 characters; shorten it/],
  ["an unknown option", "room", { read: anyone }, /^channel room\.read: there is no such option; use join, publish/],
  ["a rule that is no function", "room", { join: true }, /^channel room\.join: it is no function of caller/],
  ["no events", "room", { events: {} }, /^channel room\.events: it names no event; name some/],
  ["the name of an event", "room", { events: { "a b": z.null() } }, /^channel room\.events\.a b: the name isn't 1 to/],
  ["a schema that is none", "room", { events: { message: "text" } }, /^channel room\.events\.message: it is neither/],
  ["no bounds", "room", { history: {} }, /^channel room\.history: it says neither how many/],
  ["an unknown bound", "room", { history: { count: 5 } }, /^channel room\.history\.count: there is no such bound; use/],
  ["no messages", "room", { history: { messages: 0 } }, /^channel room\.history\.messages: 0 is out of bounds; keep 1/],
  ["too many messages", "room", { history: { messages: 1_001 } }, /messages: 1001 is out of bounds; keep 1 to 1000/],
  ["half a message", "room", { history: { messages: 1.5 } }, /messages: 1.5 is out of bounds/],
  [
    "too long a time",
    "room",
    { history: { maxAgeS: 2_592_001 } },
    /maxAgeS: 2592001 is out of bounds; keep .* 2592000/,
  ],
])("a channel is refused for %s", (_, pattern, options, message) => {
  const define = () => loose(pattern, options)
  expect(define).toThrow(TypeError)
  expect(define).toThrow(message)
})

test("history is bound by count, by age or by both", () => {
  const history = (options: object) => compiled(loose("room", options)).history
  expect(history({})).toBeUndefined()
  expect(history({ history: { messages: 100 } })).toEqual({ messages: 100, maxAgeMs: undefined })
  expect(history({ history: { maxAgeS: 60 } })).toEqual({ messages: 1_000, maxAgeMs: 60_000 })
  expect(history({ history: { messages: 1, maxAgeS: 1 } })).toEqual({ messages: 1, maxAgeMs: 1_000 })
})

test("a module's channels are taken, and whatever else it exports is passed over", () => {
  const lobby = channel("lobby", {})
  const channels = compileChannels([lobby, lobby, undefined, null, 5, "room:{id}", { kind: "job" }, () => {}])
  expect([...channels.keys()]).toEqual(["lobby"])
})

test.each([
  ["room:{id}", "room:{name}"],
  ["room:{id}", "room:lobby"],
  ["{place}", "lobby"],
  ["{place}:{id}", "room:{id}"],
  ["room-{id}", "room-{id}-x"],
  ["a{x}", "{x}b"],
  ["room", "room"],
])("%s and %s are refused together, since a name can be of both", (one, other) => {
  expect(() => patterns(one, other)).toThrow(TypeError)
  expect(() => patterns(one, other)).toThrow(`channel ${other}: a name can be of this and of ${one}; begin one`)
  expect(() => patterns(other, one)).toThrow(TypeError)
})

test.each([
  ["room:{id}", "room:{id}:{seat}"],
  ["room:{id}", "room/{id}"],
  ["room:{id}", "rooms:{id}"],
  ["room:{id}", "room"],
  ["room:a{id}", "room:b{id}"],
  ["room:{id}a", "room:{id}b"],
  ["room:a{id}", "room:a"],
])("%s and %s stand side by side", (one, other) => {
  expect(patterns(one, other).size).toBe(2)
})

test("a name finds its channel and tells the parameters", () => {
  const channels = patterns("lobby", "room:{id}", "game:{gameId}:{table}", "v1.{x}/list", "say-{what}-now")
  const found = (name: string) => {
    const { channel, params } = findChannel(channels, name) ?? {}
    return channel && [channel.pattern, params]
  }
  expect(found("lobby")).toEqual(["lobby", {}])
  expect(found("room:42")).toEqual(["room:{id}", { id: "42" }])
  expect(found("room:A.b_c~d-9")).toEqual(["room:{id}", { id: "A.b_c~d-9" }])
  expect(found("game:go:7")).toEqual(["game:{gameId}:{table}", { gameId: "go", table: "7" }])
  expect(found("v1.a/list")).toEqual(["v1.{x}/list", { x: "a" }])
  expect(found("say-no-no-now")).toEqual(["say-{what}-now", { what: "no-no" }])
  expect(found(`room:${"x".repeat(128)}`)).toBeDefined()
  const none = ["", "lobbyx", "Lobby", "room:", "room:4 2", "room:4:2", "room:é", "room:42\n", "v1xa/list", "game:go:"]
  for (const name of [...none, `room:${"x".repeat(129)}`]) expect(found(name), name).toBeUndefined()
})

test("a name has at most 256 characters, whatever its parameters would hold", () => {
  const channels = patterns("{a}:{b}:{c}")
  const name = (length: number) => ["x".repeat(100), "y".repeat(100), "z".repeat(length - 202)].join(":")
  expect(findChannel(channels, name(256))).toBeDefined()
  expect(findChannel(channels, name(257))).toBeUndefined()
  const parts = (length: number) => ({ a: "x".repeat(100), b: "y".repeat(100), c: "z".repeat(length - 202) })
  const { channel: found } = findChannel(channels, "a:b:c")!
  expect(found.name(parts(256))).toBe(name(256))
  expect(() => found.name(parts(257))).toThrow(expect.objectContaining({ code: "not_found" }))
})

test("a rule that is missing means nobody but the service", () => {
  const silent = compiled(channel("room:{id}", { join: anyone }))
  const params = { id: "1" }
  expect(silent.mayJoin(ANONYMOUS, params)).toBe(true)
  for (const caller of [ANONYMOUS, ADA]) {
    expect(silent.mayPublish(caller, params)).toBe(false)
    expect(silent.mayBePresent(caller, params)).toBe(false)
  }
  expect(silent.mayPublish(SERVICE, params)).toBe(true)
  expect(silent.mayBePresent(SERVICE, params)).toBe(true)
})

test("rules see the caller and the parameters", () => {
  const room = compiled(
    channel("room:{id}", { join: (caller, { id }) => caller.id === id, publish: role("staff"), presence: signedIn }),
  )
  expect([ADA, ERA].map((caller) => room.mayJoin(caller, { id: "ada" }))).toEqual([true, false])
  expect([ADA, ERA].map((caller) => room.mayPublish(caller, { id: "ada" }))).toEqual([false, true])
  expect([ANONYMOUS, ADA].map((caller) => room.mayBePresent(caller, { id: "ada" }))).toEqual([false, true])
})

test.each<[string, unknown]>([
  ["a promise of true", Promise.resolve(true)],
  ["a filter", { id: "1" }],
  ["1", 1],
  ["nothing", undefined],
])("a rule that answers %s denies", (_, answer) => {
  expect(compiled(loose("room", { join: () => answer })).mayJoin(ADA, {})).toBe(false)
})

test("a rule that throws denies, and the log says which", () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => {})
  const publish = () => {
    throw new Error("no such list")
  }
  expect(compiled(channel("room:{id}", { publish })).mayPublish(ADA, { id: "1" })).toBe(false)
  expect(logged.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
    { level: "error", event: "rule_denied", channel: "room:{id}", action: "publish", detail: "no such list" },
  ])
})

test("an API key gets into no channel, since no scope of it names one", () => {
  const key: Caller = { ...ADA, key: "k1", scopes: new Set(["films:read"]) }
  const open = compiled(channel("room", { join: anyone, publish: anyone, presence: anyone }))
  expect([open.mayJoin(key, {}), open.mayPublish(key, {}), open.mayBePresent(key, {})]).toEqual([false, false, false])
})

test("data is checked by its event's schema, and what the schema makes of it is sent", () => {
  let made = 0
  const room = compiled(
    channel("room", {
      events: {
        message: () => {
          made++
          return z.object({ text: z.string().trim().min(1), "a/b": z.number().default(5) })
        },
        tick: z.null(),
      },
    }),
  )
  expect(made).toBe(0)
  expect(room.check("message", { text: " hi ", other: true })).toEqual({ text: "hi", "a/b": 5 })
  expect(room.check("tick", null)).toBe(null)
  const refusal = (event: string, data: unknown) => {
    try {
      return room.check(event, data)
    } catch (error) {
      return error
    }
  }
  expect(refusal("message", { text: " ", "a/b": "6" })).toMatchObject({
    code: "validation_failed",
    errors: [
      { pointer: "/data/text", code: "too_small" },
      { pointer: "/data/a~1b", code: "invalid_type" },
    ],
  })
  expect(refusal("message", undefined)).toMatchObject({ errors: [{ pointer: "/data", code: "invalid_type" }] })
  for (const event of ["other", "constructor", "__proto__", ""]) {
    expect(refusal(event, null)).toMatchObject({
      code: "validation_failed",
      errors: [{ pointer: "/event", code: "invalid_value", message: "must be one of message, tick" }],
    })
  }
  expect(made).toBe(1)
})

test("a channel without schemas takes any event of a sound name, with any data", () => {
  const wire = compiled(channel("wire", {}))
  for (const data of [null, 5, "text", { deep: [{}] }]) expect(wire.check("a.b_c-9", data)).toBe(data)
  expect(wire.check("x".repeat(64), 1)).toBe(1)
  for (const event of ["", "x".repeat(65), "a b", "é", "a\n", "a:b"]) {
    expect(() => wire.check(event, 1), event).toThrow(
      expect.objectContaining({
        code: "validation_failed",
        errors: [{ pointer: "/event", code: "invalid_value", message: "must be 1 to 64 letters, digits and . _ -" }],
      }),
    )
  }
})
