import { expect, test } from "vitest"
import { createCloudflareMail, type EmailBinding } from "./cloudflare.ts"

const MAIL = { to: "ada@example.com", purpose: "invite", subject: "Hello", text: "Hello\n", html: "<p>Hello</p>" }

function bindingThat(send: EmailBinding["send"]): EmailBinding {
  return { send }
}

test("the binding of the platform fits", () => {
  const fits = (binding: SendEmail): EmailBinding => binding
  expect(fits).toBeTypeOf("function")
})

test("the sender is an address, with a name where there is one", async () => {
  const senders: unknown[] = []
  const binding = bindingThat(async ({ from }) => senders.push(from))
  await createCloudflareMail({ binding, from: { email: "hello@shop.example" } }).send(MAIL)
  await createCloudflareMail({ binding, from: { email: "hello@shop.example", name: "Shop" } }).send(MAIL)
  expect(senders).toEqual(["hello@shop.example", { email: "hello@shop.example", name: "Shop" }])
})

test.each([
  [Object.assign(new Error("x"), { code: "E_SENDER_NOT_VERIFIED" }), "E_SENDER_NOT_VERIFIED"],
  [new Error("E_SENDER_NOT_VERIFIED"), "unknown"],
  ["thrown text", "unknown"],
  [undefined, "unknown"],
])("what the binding throws becomes a code", async (thrown, code) => {
  const binding = bindingThat(() => Promise.reject(thrown))
  const transport = createCloudflareMail({ binding, from: { email: "hello@shop.example" } })
  await expect(transport.send(MAIL)).rejects.toMatchObject({ name: "MailError", transport: "cloudflare", code })
})
