import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { createCatcher, type MailLine, MOST_MAILS } from "./catcher.ts"
import { defaultTemplates } from "./templates.ts"

const AT = Date.UTC(2026, 10, 20, 12)
const MAIL = { to: "ada@example.com", purpose: "note", subject: "Hello", text: "Hello\n", html: "<p>Hello</p>" }
const FACTS = { projectName: "Shop", email: "ada@example.com", minutes: 10 }

let lines: MailLine[]

beforeEach(async () => {
  lines = []
  await env.DB.exec("DELETE FROM _mails")
})

const catcher = createCatcher({ db: env.DB, now: () => AT, log: (line) => lines.push(line) })

const stored = async () => (await env.DB.prepare("SELECT * FROM _mails ORDER BY id").all()).results

test("a mail is stored whole, with the time and its purpose", async () => {
  await catcher.send(MAIL)
  const { to, ...rest } = MAIL
  expect(await stored()).toEqual([{ id: expect.stringMatching(/^[0-9a-f-]{36}$/), at: AT, recipient: to, ...rest }])
})

test("one line is printed, with the link or the code that stands on a line of its own", async () => {
  const link = "http://localhost:8787/v1/auth/page?token=abc"
  await catcher.send({ ...MAIL, purpose: "verify-email", ...defaultTemplates["verify-email"]({ ...FACTS, link }) })
  await catcher.send({
    ...MAIL,
    purpose: "sign-in-code",
    ...defaultTemplates["sign-in-code"]({ ...FACTS, code: "012345" }),
  })
  await catcher.send({ ...MAIL, text: "See https://shop.example/ and call 012345 today\n0123456\n" })
  const common = { level: "info", event: "mail", to: "ada@example.com" }
  expect(lines).toEqual([
    { ...common, purpose: "verify-email", subject: "Confirm your e-mail address for Shop", link },
    { ...common, purpose: "sign-in-code", subject: "Your sign-in code for Shop", link: "012345" },
    { ...common, purpose: "note", subject: "Hello" },
  ])
})

test("the newest 500 are kept", async () => {
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MOST_MAILS + 5})
    INSERT INTO _mails SELECT format('0000%04d', i), 0, 'bob@example.com', 'note', '', '', '' FROM n`,
  ).run()
  await catcher.send(MAIL)
  const mails = await stored()
  expect(mails.length).toBe(500)
  expect([mails[0]!.id, mails.at(-1)!.recipient]).toEqual(["00000007", "ada@example.com"])
})

test("mails sent at once keep their order", async () => {
  for (let i = 0; i < 20; i++) await catcher.send({ ...MAIL, subject: String(i) })
  expect((await stored()).map(({ subject }) => subject)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
})
