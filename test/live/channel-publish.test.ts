import { env } from "cloudflare:workers"
import {
  anyone,
  type Caller,
  channel,
  defineBackend,
  endpoint,
  type Job,
  job,
  type RouteContext,
  type Router,
} from "selvedge"
import { newId } from "selvedge/tables"
import { expect, test } from "vitest"
import * as z from "zod"
import * as channels from "../../app/channels.ts"
import { ANONYMOUS } from "../../src/core/caller.ts"
import { compileChannels } from "../../src/live/channels.ts"
import type { Joined, LiveNamespace, TopicStub } from "../../src/live/objects.ts"
import { createPublisher } from "../../src/live/publisher.ts"
import { createScenario, type Scenario } from "../fixture/scenario.ts"

const { room } = channels
const lobby = channel("lobby", { join: anyone, history: { messages: 5 } })

/** A backend whose `POST /v1/say` does `work`. */
function says(
  work: (ctx: RouteContext, body: Record<string, string>) => PromiseLike<unknown>,
  ...jobs: Job[]
): Scenario {
  const routes = (app: Router<Record<never, never>>) => {
    app.post(
      "/v1/say",
      endpoint({
        summary: "Say something",
        access: anyone,
        body: z.record(z.string(), z.string()),
        answer: { status: 200, description: "Said" },
      }),
      async (c) => c.json((await work(c.var.ctx as unknown as RouteContext, c.req.valid("json"))) ?? null),
    )
  }
  const backend = defineBackend({ tables: {}, collections: {}, channels: { room, lobby }, jobs: { ...jobs }, routes })
  return createScenario(backend, env.DB)
}

/** Joins the channel's topic, and looks at what it keeps. */
function join(name: string): Promise<Joined> {
  return env.TOPIC.getByName(`channel:${name}`).join({
    hub: "test:0",
    connection: newId(),
    history: { messages: 100, maxAgeMs: undefined },
    member: undefined,
    since: undefined,
  })
}

test("a route publishes into a channel, and who joins later is shown the message", async () => {
  const id = newId()
  const client = await says((ctx, { text }) => ctx.live.publish(room, { id }, "message", { text: text! })).as(
    "anonymous",
  )
  const first = await client.post("/v1/say", { body: { text: " The film begins.\n" } })
  const second = await client.post("/v1/say", { body: { text: "Silence!" } })
  expect([first.status, second.status]).toEqual([200, 200])
  const { epoch, messages, last } = await join(`room:${id}`)
  expect(last).toBe(2)
  expect(messages).toEqual([
    {
      seq: 1,
      event: "message",
      data: '{"text":"The film begins."}',
      from: { id: "service" },
      at: expect.stringMatching(/Z$/),
    },
    { seq: 2, event: "message", data: '{"text":"Silence!"}', from: { id: "service" }, at: expect.any(String) },
  ])
  expect(first.body).toEqual({ seq: `${epoch}.0000000000000001` })
  expect(second.body).toEqual({ seq: `${epoch}.0000000000000002` })
})

test("a job publishes into a channel", async () => {
  const id = newId()
  const announce = job("announce", {
    input: z.object({ text: z.string() }),
    run: ({ text }, ctx) => ctx.live.publish(room, { id }, "message", { text }),
  })
  const scenario = says((ctx) => ctx.enqueue(announce, { text: "It is over." }), announce)
  await (await scenario.as("anonymous")).post("/v1/say", { body: {} })
  await scenario.settled()
  const { messages, epoch } = await join(`room:${id}`)
  expect(messages.map(({ data, from }) => [data, from])).toEqual([['{"text":"It is over."}', { id: "service" }]])
  const result = await env.DB.prepare("SELECT result FROM _jobs WHERE name = 'announce'").first<string>("result")
  expect(JSON.parse(result!)).toEqual({ seq: `${epoch}.0000000000000001` })
})

test("a job whose time is up publishes nothing more", async () => {
  const id = newId()
  const refusals: unknown[] = []
  const late = job("late", {
    input: z.object({}),
    timeout: 50,
    retries: 0,
    run: async (_, ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve))
      refusals.push(
        await ctx.live.publish(room, { id }, "message", { text: "late" }).catch((error: Error) => error.name),
      )
    },
  })
  const scenario = says((ctx) => ctx.enqueue(late, {}), late)
  await (await scenario.as("anonymous")).post("/v1/say", { body: {} })
  await scenario.settled()
  await expect.poll(() => refusals).toEqual([expect.any(String)])
  expect((await join(`room:${id}`)).messages).toEqual([])
})

test("a channel without parameters and schemas takes any JSON", async () => {
  const data = { text: "é", list: [1, null] }
  const client = await says(async ({ live }) => {
    await live.publish(lobby, {}, "opened", data)
    await live.publish(lobby, {}, "closed", undefined)
  }).as("anonymous")
  expect((await client.post("/v1/say", { body: {} })).status).toBe(200)
  const { messages } = await join("lobby")
  expect(messages.map(({ event, data }) => [event, data])).toEqual([
    ["opened", JSON.stringify(data)],
    ["closed", "null"],
  ])
})

test("a message says in whose name it was sent, and no more of them", async () => {
  const id = newId()
  const { send } = says(async ({ live, caller }) => {
    const ada: Caller = { kind: "user", id: "ada", roles: ["staff"], session: { id: "s", aal: 1, anonymous: false } }
    for (const as of [ada, caller]) await live.publish(room, { id }, "message", { text: "hi" }, { as })
  })
  expect((await send("POST", "/v1/say", { body: {} })).status).toBe(200)
  const { messages } = await join(`room:${id}`)
  expect(messages.map(({ from }) => from)).toEqual([{ id: "ada" }, { id: "anonymous" }])
  expect(JSON.stringify(messages)).not.toContain(ANONYMOUS.id)
})

test("what a channel doesn't take is refused as the client's mistake, and nothing is sent", async () => {
  const good = newId()
  const loose = (ctx: RouteContext, { id = good, event = "message", text = "hi" }: Record<string, string>) =>
    ctx.live.publish(room, { id }, event as "message", { text })
  const client = await says(loose).as("anonymous")
  const say = async (body: Record<string, string>) => {
    const { status, body: problem } = await client.post("/v1/say", { body })
    return [status, problem.code, problem.errors?.map(({ pointer }: { pointer: string }) => pointer)]
  }
  expect(await say({ text: " " })).toEqual([422, "validation_failed", ["/data/text"]])
  expect(await say({ text: "x".repeat(2_001) })).toEqual([422, "validation_failed", ["/data/text"]])
  expect(await say({ event: "other" })).toEqual([422, "validation_failed", ["/event"]])
  for (const id of ["", "a:b", "a b", "é", "x".repeat(129)])
    expect(await say({ id })).toEqual([404, "not_found", undefined])
  expect((await join(`room:${good}`)).last).toBe(0)
  expect(await say({ text: "x".repeat(2_000) })).toEqual([200, undefined, undefined])
})

test("a message holds 64 KiB as JSON, counted in bytes", async () => {
  const client = await says((ctx, { text }) => ctx.live.publish(lobby, {}, "long", text)).as("anonymous")
  const say = async (text: string) => (await client.post("/v1/say", { body: { text } })).status
  expect(await say("x".repeat(65_534))).toBe(200)
  expect(await say("x".repeat(65_535))).toBe(413)
  expect(await say("€".repeat(21_844))).toBe(200)
  expect(await say("€".repeat(21_845))).toBe(413)
})

test("mistakes of the application are told by name", async () => {
  const publisher = createPublisher(compileChannels([room]), env.TOPIC)
  const circle: Record<string, unknown> = {}
  circle.self = circle
  const any = channel("any", {})
  const publish = publisher.publish as (...order: unknown[]) => Promise<unknown>
  await expect(publish(lobby, {}, "x", 1)).rejects.toThrow(/^channel lobby: the backend has no such channel; export it/)
  await expect(publish(room, {}, "message", { text: "x" })).rejects.toThrow(/^channel room:\{id\}: the parameter id is/)
  await expect(publish(room, { id: 5 }, "message", { text: "x" })).rejects.toThrow(TypeError)
  await expect(publish(room, { id: "5", x: "6" }, "message", { text: "x" })).rejects.toThrow(/the parameter x is/)
  const loose = createPublisher(compileChannels([any]), env.TOPIC)
  for (const data of [circle, () => {}, 5n])
    await expect(loose.publish(any, {}, "x", data)).rejects.toThrow(/^a message's data is no JSON/)
})

test("a backend without channels never asks for a topic", async () => {
  const { publish } = createPublisher(compileChannels([]), undefined as never)
  await expect(publish(lobby, {}, "x", 1)).rejects.toThrow(/^channel lobby: the backend has no such channel/)
})

test("a channel that can't be reached is answered as overload", async () => {
  const away = { getByName: () => ({ publish: () => Promise.reject(new Error("Network connection lost")) }) }
  const publisher = createPublisher(compileChannels([lobby]), away as unknown as LiveNamespace<TopicStub>)
  await expect(publisher.publish(lobby, {}, "x", 1)).rejects.toMatchObject({
    code: "overloaded",
    headers: { "Retry-After": "1" },
    cause: { message: "Network connection lost" },
  })
})
