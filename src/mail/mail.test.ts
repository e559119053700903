/** What every transport keeps. The parties outside, a provider's API and a binding of the platform, are stood in for. */

import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { createCatcher } from "./catcher.ts"
import { createCloudflareMail } from "./cloudflare.ts"
import { errorCode, type Mail, MailError, type MailTransport, type TransportName } from "./mail.ts"
import { createResendMail } from "./resend.ts"

const API_KEY = "re_9fK2_secretsecretsecret"
const TOKEN = "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA"
const from = { email: "hello@shop.example", name: 'The "Shop"' }
const MAIL = {
  to: "ada@example.com",
  purpose: "reset-password",
  subject: "Choose a new password",
  text: `https://shop.example/reset?token=${TOKEN}\n`,
  html: `<p>${TOKEN}</p>`,
}

interface Bench {
  transport: MailTransport
  delivered(): Promise<Omit<Mail, "purpose">[]>
}

/** Each takes mail, or fails in the worst way: with the mail and the key in what it says. */
const BENCHES: Record<TransportName, (fails: boolean) => Bench> = {
  cloudflare(fails) {
    const sent: Omit<Mail, "purpose">[] = []
    const binding = {
      async send({ from: _, ...mail }: Mail & { from: unknown }) {
        if (fails) throw Object.assign(new Error(JSON.stringify(mail)), { code: "E_RECIPIENT_SUPPRESSED" })
        sent.push(mail)
      },
    }
    return { transport: createCloudflareMail({ binding, from }), delivered: async () => sent }
  },
  resend(fails) {
    const sent: Omit<Mail, "purpose">[] = []
    const provider = async (_: unknown, init?: RequestInit) => {
      const { from: _from, to, ...mail } = JSON.parse(init?.body as string)
      if (fails) {
        const message = `${init?.body} ${new Headers(init?.headers).get("Authorization")}`
        return Response.json({ statusCode: 422, name: "validation_error", message }, { status: 422 })
      }
      sent.push({ to: to.join(), ...mail })
      return Response.json({ id: "49a3999c" })
    }
    return {
      transport: createResendMail({ apiKey: API_KEY, from, fetch: provider as typeof fetch }),
      delivered: async () => sent,
    }
  },
  catcher(fails) {
    const failing = new Proxy(env.DB, {
      get(target, name) {
        if (name === "batch") return () => Promise.reject(new Error(`no such table: ${JSON.stringify(MAIL)}`))
        const value: unknown = Reflect.get(target, name)
        return typeof value === "function" ? value.bind(target) : value
      },
    })
    return {
      transport: createCatcher({ db: fails ? failing : env.DB, now: Date.now, log: () => {} }),
      async delivered() {
        const select = 'SELECT recipient AS "to", subject, text, html FROM _mails ORDER BY id'
        return (await env.DB.prepare(select).all<Mail>()).results
      },
    }
  },
}

beforeEach(async () => {
  await env.DB.exec("DELETE FROM _mails")
})

describe.each(Object.keys(BENCHES) as TransportName[])("the transport %s", (name) => {
  test("hands over address, subject, text and HTML as they are", async () => {
    const { transport, delivered } = BENCHES[name](false)
    await transport.send(MAIL)
    const { purpose: _, ...mail } = MAIL
    expect(await delivered()).toEqual([mail])
  })

  test("sends to one address only, whatever the text of the recipient", async () => {
    const { transport, delivered } = BENCHES[name](false)
    const several = [
      "ada@example.com,eve@example.com",
      "ada@example.com;eve@example.com",
      "ada@example.com eve@example.com",
      "Ada <eve@example.com>",
      "ada@example.com\r\nBcc: eve@example.com",
      '"ada@example.com,"@example.com',
      "ada@eve@example.com",
      "ada@example.com\u0000",
      `${"a".repeat(250)}@example.com`,
      "ada",
      "",
    ]
    for (const to of several) {
      const error = await transport.send({ ...MAIL, to }).catch((thrown: unknown) => thrown)
      expect(error, to).toBeInstanceOf(MailError)
      expect(error).toMatchObject({ transport: name, code: "not_one_address" })
    }
    expect(await delivered()).toEqual([])
  })

  test("15: a failure says the provider's code, and nothing of the mail or the key", async () => {
    const error = await BENCHES[name](true)
      .transport.send(MAIL)
      .catch((thrown: unknown) => thrown as MailError)
    expect(error).toBeInstanceOf(MailError)
    const codes = { cloudflare: "E_RECIPIENT_SUPPRESSED", resend: "validation_error", catcher: "not_stored" }
    expect(error).toMatchObject({ transport: name, code: codes[name] })
    const { message, stack, cause, ...fields } = error as MailError
    const said = JSON.stringify([message, stack, String(cause), fields])
    for (const secret of [TOKEN, API_KEY, "ada@example.com"]) expect(said).not.toContain(secret)
  })
})

test("15: what a provider gives as its code is taken only when it looks like one", () => {
  for (const code of ["validation_error", "timeout", "E_RATE_LIMIT_EXCEEDED"]) expect(errorCode(code)).toBe(code)
  const others = [TOKEN, "123456", "ada@example.com", "https://shop.example/", "", "a b", "x".repeat(65), 422, null, {}]
  for (const other of others) expect(errorCode(other)).toBe("unknown")
})
