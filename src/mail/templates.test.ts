import { describe, expect, test } from "vitest"
import { escapeHtml, type MailFacts } from "./compose.ts"
import { defaultTemplates, type MailPurpose } from "./templates.ts"

const LINK = "https://shop.example/v1/auth/page?purpose=reset&token=abc'def"
const FACTS = {
  projectName: "Shop",
  email: "ada@example.com",
  minutes: 15,
}
const SECRET_OF: Record<MailPurpose, Pick<MailFacts, "link" | "code">> = {
  "verify-email": { link: LINK },
  "sign-in-code": { code: "012345" },
  "sign-in-link": { link: LINK },
  "reset-password": { link: LINK },
  "change-email": { link: LINK },
  "email-changed": {},
  "already-registered": {},
  "password-changed": {},
  invite: { link: LINK },
}
const PURPOSES = Object.keys(SECRET_OF) as MailPurpose[]

function mailOf(purpose: MailPurpose, facts: Partial<MailFacts> = {}) {
  return defaultTemplates[purpose]({ ...FACTS, ...SECRET_OF[purpose], ...facts })
}

/** What a browser would find in it: elements with their attributes, and the text between them. */
async function readHtml(html: string) {
  const elements: { name: string; attributes: Record<string, string> }[] = []
  let text = ""
  const rewriter = new HTMLRewriter().on("*", {
    element(element) {
      elements.push({ name: element.tagName, attributes: Object.fromEntries(element.attributes) })
    },
    text(chunk) {
      text += chunk.text
    },
  })
  await rewriter.transform(new Response(html)).text()
  return { elements, text }
}

describe.each(PURPOSES)("the mail %s", (purpose) => {
  test("says the project, the address and what to do when one didn't ask for it", () => {
    const { subject, text, html } = mailOf(purpose)
    expect(subject).toContain("Shop")
    for (const body of [text, html]) {
      expect(body).toContain("Shop")
      expect(body).toContain("ada@example.com")
      expect(body).toMatch(/If (?:you didn|it wasn|you don)/)
    }
  })

  test("has its link and its code on a line of their own, in the text and in the HTML", async () => {
    for (const secret of [{ link: LINK }, { code: "012345", link: LINK }]) {
      const { text, html } = mailOf(purpose, secret)
      for (const value of Object.values(secret)) {
        expect(text.split("\n").filter((line) => line.includes(value))).toEqual([value])
        expect(html).toContain(`>${escapeHtml(value)}</p>`)
      }
      const { elements } = await readHtml(html)
      expect(elements.filter(({ name }) => name === "a")).toEqual([
        { name: "a", attributes: { href: escapeHtml(LINK) } },
      ])
    }
  })

  test("15: keeps the secret out of the subject", () => {
    const { subject } = mailOf(purpose, { link: LINK, code: "012345" })
    expect(subject).not.toContain("token")
    expect(subject).not.toContain("012345")
  })

  test("a hostile name or address stays text", async () => {
    const hostile = `"'><img src=x onerror=alert(1)>&amp;</title><script>//`
    const { elements, text } = await readHtml(mailOf(purpose, { projectName: hostile, email: hostile }).html)
    expect(new Set(elements.map(({ name }) => name))).toEqual(
      new Set(["html", "head", "meta", "title", "body", "p", ...(SECRET_OF[purpose].link ? ["a", "strong"] : [])]),
    )
    expect(elements.flatMap(({ attributes }) => Object.keys(attributes)).sort()).not.toContain("onerror")
    expect(text.split(escapeHtml(hostile)).length).toBeGreaterThan(3)
    expect(text).not.toContain(hostile)
  })

  test("a name that breaks lines begins none, neither in the subject nor in the text", () => {
    const name = "Shop\r\nBcc: eve@example.com\u2028https://evil.example/\n000000\n\u202eretsam\u0000\ud800"
    const { subject, text } = mailOf(purpose, { projectName: name, email: name })
    expect(subject).not.toMatch(/[\p{Cc}\p{Zl}\u202e]/u)
    expect(`${subject}${text}`.isWellFormed()).toBe(true)
    for (const line of text.split(/[\r\n\u2028\u2029]/)) {
      expect(line).not.toMatch(/^(?:Bcc|https:\/\/evil|000000|\u202e)/)
    }
  })

  test("fetches nothing and shows no image", async () => {
    const { elements } = await readHtml(mailOf(purpose).html)
    for (const { name, attributes } of elements) {
      expect(["img", "script", "link", "iframe", "style", "form"]).not.toContain(name)
      expect(Object.keys(attributes)).not.toContain("src")
      expect(attributes.style ?? "").not.toContain("url")
      if (name !== "a") expect(Object.keys(attributes)).not.toContain("href")
    }
  })
})

test("a mail whose purpose needs a link or a code is not made without it", () => {
  const needed = PURPOSES.filter((purpose) => Object.keys(SECRET_OF[purpose]).length > 0)
  for (const purpose of needed) expect(() => defaultTemplates[purpose](FACTS), purpose).toThrow(TypeError)
})

test("a link of another kind than the web's is not put into a mail", () => {
  for (const link of ["javascript:alert(1)", "data:text/html,x", "//evil.example", "https://shop.example/a\nb", ""]) {
    expect(() => mailOf("reset-password", { link }), link).toThrow(/must begin with https/)
  }
})

test.each([
  [1, "within 1 minute."],
  [15, "within 15 minutes."],
  [60, "within 1 hour."],
  [90, "within 90 minutes."],
  [120, "within 2 hours."],
  [1440, "within 1 day."],
  [10_080, "within 7 days."],
])("a link of %i minutes works %s", (minutes, words) => {
  expect(mailOf("verify-email", { minutes }).text).toContain(`The link works once, ${words}`)
})

test("what is escaped ends neither an element nor an attribute", () => {
  expect(escapeHtml(`<a href="x" id='y'>&amp;`)).toBe("&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;")
})

test("a mail without a secret says nothing about how long it works", () => {
  expect(mailOf("password-changed").text).not.toContain("works once")
})
