import { Webhook } from "standardwebhooks"
import { beforeEach, describe, expect, test } from "vitest"
import { START } from "../jobs/scenario.ts"
import {
  BODY,
  createIncomingScenario,
  forgetMessages,
  NAME,
  SECRET,
  type Signing,
  standardHeaders,
  stripeHeaders,
  stripeSignature,
} from "./incoming-scenario.ts"

const MINUTE = 60_000
const OTHER_SECRET = `whsec_${btoa("another secret of the partner's!")}`
const MOST_BYTES = 256 * 1024

const SCHEMES = [
  { scheme: "standard", headersOf: standardHeaders },
  { scheme: "stripe", headersOf: stripeHeaders },
] as const

/** Each its own, as a sender's events are. */
const event = () => JSON.stringify({ id: `evt_${crypto.randomUUID()}`, n: 1 })

beforeEach(forgetMessages)

describe.each(SCHEMES)("signed by $scheme", ({ scheme, headersOf }) => {
  async function statusOf(body: string, signing: Signing, variables?: Record<string, string>): Promise<number> {
    return (await createIncomingScenario({ scheme }, variables).post(body, headersOf(body, signing))).status
  }

  test("the right secret is taken, another is refused", async () => {
    expect(await statusOf(event(), {})).toBe(200)
    expect(await statusOf(event(), { secret: OTHER_SECRET })).toBe(401)
  })

  test("during a rotation either secret is taken, afterwards the new one alone", async () => {
    const both = { PARTNER_SECRET: `${OTHER_SECRET} ${SECRET}` }
    expect(await statusOf(event(), { secret: SECRET }, both)).toBe(200)
    expect(await statusOf(event(), { secret: OTHER_SECRET }, both)).toBe(200)
    expect(await statusOf(event(), { secret: SECRET }, { PARTNER_SECRET: OTHER_SECRET })).toBe(401)
  })

  test("a message is good for five minutes, by either clock", async () => {
    expect(await statusOf(event(), { at: START - 5 * MINUTE })).toBe(200)
    expect(await statusOf(event(), { at: START + 5 * MINUTE })).toBe(200)
    expect(await statusOf(event(), { at: START - 5 * MINUTE - 1_000 })).toBe(401)
    expect(await statusOf(event(), { at: START + 5 * MINUTE + 1_000 })).toBe(401)
  })

  test("every byte of the body counts, as it was sent", async () => {
    const scenario = createIncomingScenario({ scheme })
    const body = `{"id":"evt_bytes","text":"ä\\u00e4",  "n":1.0}`
    const headers = headersOf(body)
    for (const changed of [body.replace("1.0", "1"), `${body}\n`, `\ufeff${body}`, body.replace("ä", "a\u0308"), ""])
      expect((await scenario.post(changed, headers)).status, changed).toBe(401)
    expect(await scenario.jobs(NAME)).toHaveLength(0)
    expect((await scenario.post(body, headers)).status).toBe(200)
  })

  test("a message that was seen is not taken under another signature of the same event", async () => {
    const scenario = createIncomingScenario({ scheme })
    const body = event()
    const id = JSON.parse(body).id
    await scenario.post(body, headersOf(body, { id }))
    expect((await scenario.post(body, headersOf(body, { id, at: START + 1_000 }))).status).toBe(200)
    await scenario.settled()
    expect(scenario.ran.map((message) => message.id)).toEqual([id])
  })

  test("a refusal is a problem that tells nothing, and leaves nothing", async () => {
    const scenario = createIncomingScenario({ scheme })
    const body = JSON.stringify({ id: "evt_refused", card: "4242 4242" })
    const { status, body: problem, headers } = await scenario.post(body, headersOf(body, { secret: OTHER_SECRET }))
    expect(status).toBe(401)
    expect(headers.get("Content-Type")).toBe("application/problem+json")
    expect(problem).toMatchObject({ code: "invalid_credentials", status: 401 })
    expect(await scenario.receivedIds()).not.toContain("evt_refused")
    expect(JSON.stringify(scenario.logged)).not.toMatch(/4242|whsec_/)
  })

  test("without the secret, or with one that can't be one, the sender is told to come again and the operator why", async () => {
    for (const variables of [{}, { PARTNER_SECRET: " " }, { PARTNER_SECRET: "whsec_%%%" }]) {
      const scenario = createIncomingScenario({ scheme }, variables)
      const body = event()
      const { status, text } = await scenario.post(body, headersOf(body))
      const isReadable = scheme === "stripe" && "PARTNER_SECRET" in variables && variables.PARTNER_SECRET !== " "
      expect(status).toBe(isReadable ? 401 : 500)
      expect(text).not.toContain("PARTNER_SECRET")
      const logged = JSON.stringify(scenario.logged.filter(({ event }) => event === "failure"))
      expect(logged).not.toContain("whsec_%%%")
      if (!isReadable) expect(logged).toContain("webhook /v1/partner/webhook")
    }
  })

  test("what isn't JSON, or is too large, is refused before its signature is looked at", async () => {
    const scenario = createIncomingScenario({ scheme })
    const body = event()
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]) {
      const { status } = await scenario.post(body, { ...headersOf(body), "Content-Type": type })
      expect(status, type).toBe(415)
    }
    const largest = JSON.stringify({ id: "evt_largest", text: "" }).replace('""', `"${"x".repeat(MOST_BYTES - 32)}"`)
    const fitting = largest.padEnd(MOST_BYTES)
    expect((await scenario.post(fitting, headersOf(fitting))).status).toBe(200)
    expect((await scenario.post(`${fitting} `, headersOf(`${fitting} `))).status).toBe(413)
    const bytes = new Uint8Array([0x22, 0xff, 0x22])
    expect((await scenario.post(bytes, headersOf('"\ufffd"'))).status).toBe(400)
  })
})

test("headers that are missing, malformed or doubled are refused", async () => {
  const scenario = createIncomingScenario()
  const good = standardHeaders(BODY, { id: "msg_headers" })
  for (const changed of [
    { "webhook-id": "" },
    { "webhook-id": "msg_other" },
    { "webhook-id": "x".repeat(300) },
    { "webhook-timestamp": "" },
    { "webhook-timestamp": "soon" },
    { "webhook-timestamp": `${good["webhook-timestamp"]}abc` },
    { "webhook-timestamp": `-${good["webhook-timestamp"]}` },
    { "webhook-timestamp": "1e12" },
    { "webhook-timestamp": "Infinity" },
    { "webhook-signature": "" },
    { "webhook-signature": "v1" },
    { "webhook-signature": good["webhook-signature"]!.replace("v1,", "v1a,") },
    { "webhook-signature": good["webhook-signature"]!.slice(0, -2) },
    { "webhook-signature": good["webhook-signature"]!.replace("v1,", "") },
  ])
    expect((await scenario.post(BODY, { ...good, ...changed })).status, JSON.stringify(changed)).toBe(401)
  expect((await scenario.send("POST", "/v1/partner/webhook", { body: BODY })).status).toBe(401)
  expect(await scenario.jobs(NAME)).toHaveLength(0)
})

test("one good signature among several is enough, as a sender sends that changes its secret", async () => {
  const scenario = createIncomingScenario()
  const other = new Webhook(OTHER_SECRET)
  const good = standardHeaders(BODY, { id: "msg_several" })
  const signatures = [other.sign("msg_several", new Date(START), BODY), "v1a,xyz", good["webhook-signature"]]
  expect((await scenario.post(BODY, { ...good, "webhook-signature": signatures.join(" ") })).status).toBe(200)
  const stripe = createIncomingScenario({ scheme: "stripe" })
  const time = START / 1_000
  const header = `t=${time}, v1=${stripeSignature(BODY, time, OTHER_SECRET)}, v1=${stripeSignature(BODY, time)}`
  expect((await stripe.post(BODY, { "Stripe-Signature": header })).status).toBe(200)
})

test("of Stripe's signatures only v1 proves anything, and an event without an id is known by its signed content", async () => {
  const scenario = createIncomingScenario({ scheme: "stripe" })
  const time = START / 1_000
  const body = '{"n":1}'
  const signature = stripeSignature(body, time)
  for (const header of [`t=${time},v0=${signature}`, `v1=${signature}`, `t=${time}`, `t=${time},v1=`, signature, ""])
    expect((await scenario.post(body, { "Stripe-Signature": header })).status, header).toBe(401)
  for (const at of [START, START, START + 1_000])
    expect((await scenario.post(body, stripeHeaders(body, { at }))).status).toBe(200)
  await scenario.settled()
  expect(scenario.ran.map((message) => message.at.getTime())).toEqual([START, START + 1_000])
})

test("a sender's own Authorization header is no sign-in", async () => {
  const scenario = createIncomingScenario()
  const headers = { ...standardHeaders(BODY), Authorization: "Basic cGFydG5lcjpzZWNyZXQ=" }
  expect((await scenario.post(BODY, headers)).status).toBe(200)
  expect((await scenario.send("GET", "/v1/films", { headers })).status).toBe(401)
})
