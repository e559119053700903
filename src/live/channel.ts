/** How an application declares its channels: who may join, what is published there, and what is kept of it. */

import type * as z from "zod"
import type { InputSchema } from "../access/collection.ts"
import { once } from "../access/model.ts"
import type { Caller } from "../core/caller.ts"
import { jsonPointer, validationFailed } from "../core/problem.ts"
import type { ChannelHandle } from "../core/publish.ts"
import type { History } from "./objects.ts"
import { matchName, nameOf, type Params, type ParamsOf, type Pattern, parsePattern } from "./pattern.ts"

const OPTIONS = ["join", "publish", "presence", "events", "history"]
const ACTIONS = ["join", "publish", "presence"] as const
const EVENT = /^[A-Za-z0-9._-]{1,64}$/
const MOST_MESSAGES = 1_000
const MOST_AGE_S = 30 * 86_400

type Action = (typeof ACTIONS)[number]

/** Answers yes or no; `anyone`, `signedIn` and `role(…)` are such rules. */
export type ChannelRule<P = Params> = (caller: Caller, params: P) => boolean

/** Bounds of what is kept of a channel's messages; whichever is reached first. */
export interface HistoryOptions {
  /** 1 to 1,000; 1,000 when only the age is bound. */
  messages?: number
  /** Seconds, up to 30 days; any age unless told. */
  maxAgeS?: number
}

type Events = Readonly<Record<string, InputSchema>>

/** A rule that is missing means nobody; the service may do everything, an API key with scopes nothing. */
export interface ChannelOptions<P, E extends Events | undefined> {
  /** Who hears what is published. */
  join?: ChannelRule<P>
  /** Which of those who have joined may publish. */
  publish?: ChannelRule<P>
  /** Which of those who have joined may be listed as present, and see who is. */
  presence?: ChannelRule<P>
  /**
   * The schema of each event's data; other events are refused. A function is called at the event's first message.
   * Without it every name of 1 to 64 letters, digits and `. _ -` is taken, with any JSON.
   */
  events?: E
  /** What who joins is shown, and how far back who returns can catch up; nothing unless told. */
  history?: HistoryOptions
}

type SchemaOf<S extends InputSchema> = S extends () => infer Z ? Z : S

/** What each event takes. */
export type EventData<E extends Events | undefined> = [E] extends [Events]
  ? { readonly [K in keyof E & string]: z.input<SchemaOf<E[K]>> }
  : Readonly<Record<string, unknown>>

/** A declared channel; hand it to `ctx.live.publish`. */
export interface ChannelDefinition<P = never, E = never, T extends string = string> extends ChannelHandle<P, E, T> {
  readonly kind: "channel"
  readonly channel: Channel
}

/** A channel as the engine knows it. */
export interface Channel {
  readonly pattern: string
  readonly parsed: Pattern
  /** Undefined where nothing is kept. */
  readonly history: History | undefined
  /** @returns Undefined for a name that isn't of this channel. */
  match(name: string): Params | undefined
  /** @throws SelvedgeError `not_found`, TypeError */
  name(params: Params): string
  mayJoin(caller: Caller, params: Params): boolean
  mayPublish(caller: Caller, params: Params): boolean
  mayBePresent(caller: Caller, params: Params): boolean
  /** @returns What is sent and stored. @throws SelvedgeError `validation_failed` with pointers to `/event` or below `/data`. */
  check(event: string, data: unknown): unknown
}

/**
 * Channels under the names that the pattern matches: `lobby`, `room:{id}`, `game:{gameId}:{table}`. A parameter is 1 to
 * 128 letters, digits and `. _ ~ -`; a whole name has at most 256 characters.
 *
 * @throws TypeError that names the place and the mend when the definition is wrong.
 * @example
 * export const room = channel("room:{id}", {
 *   join: signedIn,
 *   publish: signedIn,
 *   events: { message: () => z.object({ text: z.string().max(2_000) }) },
 *   history: { messages: 100 },
 * })
 */
export function channel<const T extends string, const E extends Events | undefined = undefined>(
  pattern: T,
  options: ChannelOptions<ParamsOf<T>, E>,
): ChannelDefinition<ParamsOf<T>, EventData<E>, T> {
  return { kind: "channel", pattern, channel: compile(pattern, options as unknown as AnyOptions) }
}

type AnyOptions = ChannelOptions<Params, Events | undefined>

function compile(pattern: string, options: AnyOptions): Channel {
  const place = `channel ${pattern}`
  const parsed = parsePattern(pattern, (fault, mend) => fail(place, fault, mend))
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key)) fail(`${place}.${key}`, "there is no such option", `use ${OPTIONS.join(", ")}`)
  }
  for (const action of ACTIONS) {
    if (options[action] !== undefined && typeof options[action] !== "function")
      fail(`${place}.${action}`, "it is no function of caller and parameters", "write anyone, signedIn or a function")
  }
  const events = options.events && compileEvents(`${place}.events`, options.events)
  const may = (action: Action) => (caller: Caller, params: Params) => allows(pattern, action, options, caller, params)
  return {
    pattern,
    parsed,
    history: options.history && compileHistory(`${place}.history`, options.history),
    match: (name) => matchName(parsed, name),
    name: (params) => nameOf(parsed, params),
    mayJoin: may("join"),
    mayPublish: may("publish"),
    mayBePresent: may("presence"),
    check: (event, data) => (events ? checkData(events, event, data) : checkName(event, data)),
  }
}

function compileEvents(place: string, events: Events): ReadonlyMap<string, () => z.ZodType> {
  const entries = Object.entries(events)
  if (entries.length === 0) fail(place, "it names no event", "name some, or leave it out to take any")
  return new Map(
    entries.map(([event, schema]) => {
      if (!EVENT.test(event))
        fail(`${place}.${event}`, "the name isn't 1 to 64 letters, digits and . _ -", "rename the event")
      if (typeof schema !== "function" && typeof (schema as Partial<z.ZodType> | undefined)?.safeParse !== "function")
        fail(`${place}.${event}`, "it is neither a zod schema nor a function that makes one", "write z.object({ … })")
      return [event, once(schema)]
    }),
  )
}

function compileHistory(place: string, { messages, maxAgeS, ...rest }: HistoryOptions): History {
  for (const key of Object.keys(rest)) fail(`${place}.${key}`, "there is no such bound", "use messages, maxAgeS")
  if (messages === undefined && maxAgeS === undefined)
    fail(place, "it says neither how many messages are kept nor how long", "give messages or maxAgeS, or leave it out")
  const within = (value: number | undefined, most: number) =>
    value === undefined || (Number.isInteger(value) && value >= 1 && value <= most)
  if (!within(messages, MOST_MESSAGES))
    fail(`${place}.messages`, `${messages} is out of bounds`, `keep 1 to ${MOST_MESSAGES} messages`)
  if (!within(maxAgeS, MOST_AGE_S))
    fail(`${place}.maxAgeS`, `${maxAgeS} is out of bounds`, `keep messages 1 to ${MOST_AGE_S} seconds`)
  return { messages: messages ?? MOST_MESSAGES, maxAgeMs: maxAgeS && maxAgeS * 1_000 }
}

/** Anything but true is no, and so is a rule that throws. No scope of an API key names a channel. */
function allows(pattern: string, action: Action, rules: AnyOptions, caller: Caller, params: Params): boolean {
  if (caller.kind === "service") return true
  if (caller.scopes) return false
  try {
    return rules[action]?.(caller, params) === true
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    console.error(JSON.stringify({ level: "error", event: "rule_denied", channel: pattern, action, detail }))
    return false
  }
}

function checkData(events: ReadonlyMap<string, () => z.ZodType>, event: string, data: unknown): unknown {
  const schema = events.get(event)
  if (!schema) throw unknownEvent(`must be one of ${[...events.keys()].join(", ")}`)
  const parsed = schema().safeParse(data)
  if (parsed.success) return parsed.data
  throw validationFailed(
    parsed.error.issues.map(({ path, code, message }) => ({ pointer: `/data${jsonPointer(path)}`, code, message })),
  )
}

function checkName(event: string, data: unknown): unknown {
  if (!EVENT.test(event)) throw unknownEvent("must be 1 to 64 letters, digits and . _ -")
  return data
}

function unknownEvent(message: string) {
  return validationFailed([{ pointer: "/event", code: "invalid_value", message }])
}

function fail(place: string, fault: string, mend: string): never {
  throw new TypeError(`${place}: ${fault}; ${mend}`)
}
