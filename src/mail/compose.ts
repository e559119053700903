/** The form that all mails share, as text and as HTML; everything that goes into the HTML is escaped. */

/** What a mail is about. Optional parts are those that its purpose has. */
export interface MailFacts {
  readonly projectName: string
  /** The address that the mail is about, and goes to. */
  readonly email: string
  readonly link?: string
  readonly code?: string
  /** How long the link or the code is good for. */
  readonly minutes?: number
}

export interface MailContent {
  readonly subject: string
  readonly text: string
  readonly html: string
}

export interface MailParts {
  readonly subject: string
  /** Before the link or the code. */
  readonly opening: string
  /** What the link does, as the words to click on. */
  readonly action?: string
  /** What to do when one didn't ask for the mail. */
  readonly otherwise: string
}

/** Controls, line ends, and marks that turn the direction of writing. */
const BREAKING = /[\s\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu
const WEB_LINK = /^https?:\/\/[^\s\p{Cc}]+$/u
const MINUTES_PER_HOUR = 60
const MINUTES_PER_DAY = 1_440

/** Text for the middle of a line: nothing in it can begin a line of its own. */
function inline(text: string): string {
  return text.toWellFormed().replace(BREAKING, " ").trim()
}

/**
 * The link and the code stand on lines of their own in the text.
 * @throws TypeError for a link that isn't one of the web.
 */
export function compose(facts: MailFacts, parts: MailParts): MailContent {
  const { link } = facts
  const code = facts.code === undefined ? undefined : inline(facts.code)
  if (link !== undefined && !WEB_LINK.test(link)) throw new TypeError("mail: link must begin with https:// or http://")
  const subject = inline(parts.subject)
  const [opening, otherwise] = [inline(parts.opening), inline(parts.otherwise)]
  const good = goodFor(facts)
  const text = [opening, code, link, good, otherwise, inline(facts.projectName)].filter((part) => part !== undefined)
  const body = [
    paragraph(opening),
    code !== undefined && `<p style="font:bold 28px monospace;letter-spacing:4px">${escapeHtml(code)}</p>`,
    link !== undefined && linkParagraphs(link, parts.action ?? "Open"),
    good !== undefined && paragraph(good),
    paragraph(otherwise),
    paragraph(inline(facts.projectName)),
  ].filter((part) => part !== false)
  return { subject, text: `${text.join("\n\n")}\n`, html: page(subject, body) }
}

function goodFor({ minutes, link, code }: MailFacts): string | undefined {
  if (minutes === undefined || (link === undefined && code === undefined)) return undefined
  return `The ${code === undefined ? "link" : "code"} works once, within ${duration(minutes)}.`
}

function duration(minutes: number): string {
  const [unit, size] =
    minutes % MINUTES_PER_DAY === 0
      ? ["day", MINUTES_PER_DAY]
      : minutes % MINUTES_PER_HOUR === 0
        ? ["hour", MINUTES_PER_HOUR]
        : ["minute", 1]
  const count = minutes / size
  return `${count} ${unit}${count === 1 ? "" : "s"}`
}

function paragraph(text: string): string {
  return `<p>${escapeHtml(text)}</p>`
}

/** The address is shown as well, so that one can see where it leads, or copy it. */
function linkParagraphs(link: string, action: string): string {
  const href = escapeHtml(link)
  return `<p><a href="${href}"><strong>${escapeHtml(action)}</strong></a></p>\n<p style="word-break:break-all">${href}</p>`
}

function page(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title></head>
<body style="font:16px/1.5 sans-serif;max-width:34em;margin:2em auto;padding:0 1em">
${body.join("\n")}
</body>
</html>
`
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** For HTML text and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!)
}
