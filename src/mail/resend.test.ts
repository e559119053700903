import { expect, test, vi } from "vitest"
import type { MailError } from "./mail.ts"
import { createResendMail } from "./resend.ts"

const MAIL = { to: "ada@example.com", purpose: "invite", subject: "Hello", text: "Hello\n", html: "<p>Hello</p>" }
const FROM = { email: "hello@shop.example" }

type Answer = (request: Request) => Response | Promise<Response>

function resend(answer: Answer, options: { from?: { email: string; name: string }; timeoutMs?: number } = {}) {
  const provider = async (input: RequestInfo | URL, init?: RequestInit) => answer(new Request(input, init as never))
  return createResendMail({ apiKey: "re_key", from: FROM, fetch: provider as typeof fetch, ...options })
}

async function failure(answer: Answer, timeoutMs?: number): Promise<MailError> {
  const transport = resend(answer, timeoutMs === undefined ? {} : { timeoutMs })
  return transport.send(MAIL).then(
    () => {
      throw new Error("the mail was sent")
    },
    (error: MailError) => error,
  )
}

test("the request is the one that Resend documents", async () => {
  const requests: Request[] = []
  const answer = (request: Request) => {
    requests.push(request)
    return Response.json({ id: "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794" })
  }
  await resend(answer).send(MAIL)
  await resend(answer, { from: { email: "hello@shop.example", name: 'The "Shop"' } }).send(MAIL)
  const [request, named] = requests
  expect([request!.method, request!.url, request!.redirect]).toEqual([
    "POST",
    "https://api.resend.com/emails",
    "manual",
  ])
  expect(Object.fromEntries(request!.headers)).toMatchObject({
    authorization: "Bearer re_key",
    "content-type": "application/json",
    "user-agent": "selvedge",
  })
  const { purpose: _, to, ...rest } = MAIL
  expect(await request!.json()).toEqual({ from: "hello@shop.example", to: [to], ...rest })
  expect(await named!.json()).toMatchObject({ from: '"The \\"Shop\\"" <hello@shop.example>' })
})

test.each([
  [401, { statusCode: 401, name: "missing_api_key", message: "x" }, "missing_api_key"],
  [429, { statusCode: 429, name: "rate_limit_exceeded", message: "x" }, "rate_limit_exceeded"],
  [500, "not JSON", "unknown"],
  [500, null, "unknown"],
  [502, { error: "x" }, "unknown"],
])("a refusal with %i and %j has the code %3$s", async (status, body, code) => {
  const error = await failure(() => new Response(typeof body === "string" ? body : JSON.stringify(body), { status }))
  expect(error).toMatchObject({ name: "MailError", status, code })
  expect(error.message).toBe(`resend did not take a mail: ${status} ${code}`)
})

test("a redirect is a failure, so that the key goes to no other host", async () => {
  const error = await failure(() => new Response(null, { status: 307, headers: { Location: "https://evil.example/" } }))
  expect(error).toMatchObject({ status: 307, code: "unknown" })
})

test("an answer that doesn't end is read to a bound, then cancelled", async () => {
  let chunks = 0
  const cancel = vi.fn()
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        chunks++
        controller.enqueue(new TextEncoder().encode("x".repeat(1_024)))
      },
      cancel,
    })
  expect(await failure(() => new Response(endless(), { status: 500 }))).toMatchObject({ status: 500, code: "unknown" })
  expect(chunks).toBeLessThan(20)
  expect(cancel).toHaveBeenCalledTimes(1)
  await resend(() => new Response(endless())).send(MAIL)
  expect(cancel).toHaveBeenCalledTimes(2)
})

test("silence ends with a timeout, before the answer and within it", async () => {
  const aborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason))
    })
  expect(await failure((request) => aborted(request.signal), 50)).toMatchObject({ code: "timeout", status: undefined })
  const silent = ({ signal }: Request) =>
    new Response(
      new ReadableStream({ start: (controller) => void aborted(signal).catch((e) => controller.error(e)) }),
      {
        status: 503,
      },
    )
  expect(await failure(silent, 50)).toMatchObject({ code: "timeout", status: 503 })
})

test("a host that can't be reached is named so", async () => {
  const error = await failure(() => {
    throw new TypeError("Network connection lost.")
  })
  expect(error).toMatchObject({ code: "unreachable", status: undefined })
})
