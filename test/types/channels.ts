/** What must and must not compile of channels; `npm run types` is the test. */

import {
  anyone,
  type Caller,
  type ChannelDefinition,
  channel,
  type JobContext,
  type LivePublisher,
  type RouteContext,
  role,
  signedIn,
} from "selvedge"
import * as z from "zod"

export const table = channel("game:{gameId}:{table}", {
  join: anyone,
  publish: (caller, { gameId, table }) => caller.id === gameId && table !== "",
  presence: role("player"),
  events: {
    move: z.object({ to: z.string(), fast: z.boolean().default(false) }),
    over: () => z.object({ at: z.iso.datetime().transform((text) => new Date(text)) }),
    tick: z.null(),
  },
  history: { messages: 10 },
})
table satisfies ChannelDefinition

export const lobby = channel("lobby", { join: signedIn, history: { maxAgeS: 60 } })

// @ts-expect-error the pattern has no such parameter
channel("room:{id}", { join: (_caller, { name }) => name === "x" })

// @ts-expect-error a rule says yes or no
channel("room:{id}", { join: (_caller, { id }) => ({ id }) })

// @ts-expect-error there is no such option
channel("room:{id}", { read: anyone })

// @ts-expect-error an event has a schema
channel("room:{id}", { events: { message: "text" } })

// @ts-expect-error history has a bound of messages
channel("room:{id}", { history: { count: 5 } })

/** Parameters of a pattern that is known at run time only are any text. */
export const loose = (pattern: string) => channel(pattern, { join: (_caller, { id }) => id === "1" })

export async function publishes(live: LivePublisher, caller: Caller) {
  const { seq } = await live.publish(table, { gameId: "1", table: "2" }, "move", { to: "e4" })
  seq satisfies string
  await live.publish(table, { gameId: "1", table: "2" }, "over", { at: "2026-01-01T00:00:00Z" }, { as: caller })
  await live.publish(table, { gameId: "1", table: "2" }, "tick", null)
  // @ts-expect-error a parameter is missing
  await live.publish(table, { gameId: "1" }, "move", { to: "e4" })
  // @ts-expect-error a parameter is no number
  await live.publish(table, { gameId: 1, table: "2" }, "move", { to: "e4" })
  // @ts-expect-error the pattern has no such parameter
  await live.publish(table, { gameId: "1", table: "2", seat: "3" }, "move", { to: "e4" })
  // @ts-expect-error there is no such event
  await live.publish(table, { gameId: "1", table: "2" }, "moved", { to: "e4" })
  // @ts-expect-error the data is of another type
  await live.publish(table, { gameId: "1", table: "2" }, "move", { to: 4 })
  // @ts-expect-error the data is of another event
  await live.publish(table, { gameId: "1", table: "2" }, "over", { to: "e4" })
  // @ts-expect-error what is taken is the schema's input
  await live.publish(table, { gameId: "1", table: "2" }, "over", { at: new Date() })
  // @ts-expect-error somebody is a caller
  await live.publish(table, { gameId: "1", table: "2" }, "tick", null, { as: "ada" })
}

export async function publishesAnything({ live }: RouteContext, context: JobContext) {
  await live.publish(lobby, {}, "whatever", { any: ["json"] })
  await context.live.publish(lobby, {}, "whatever", 5)
  // @ts-expect-error the pattern has no parameter
  await live.publish(lobby, { id: "1" }, "whatever", 5)
  // @ts-expect-error a channel is declared
  await live.publish("lobby", {}, "whatever", 5)
}
