/** Mails of the shop: plain text, which HTML shows as it is. */

import { eq } from "drizzle-orm"
import { escapeHtml, type JobContext } from "selvedge"
import { users } from "selvedge/tables"

/** Sends a job's one mail, which a retry doesn't send again. */
export async function mail(ctx: JobContext, to: string, subject: string, lines: readonly string[]): Promise<void> {
  const text = `${lines.join("\n")}\n`
  await ctx.once("mail", () => ctx.mail({ to, subject, text, html: `<pre>${escapeHtml(text)}</pre>` }))
}

export async function mailStaff(ctx: JobContext, subject: string, lines: readonly string[]): Promise<void> {
  await mail(ctx, ctx.variable("STAFF_MAIL") ?? "staff@localhost", subject, lines)
}

/**
 * A visitor without an account has no address, nor has an account that was deleted. The name stays out of it: an address
 * that isn't confirmed may be somebody else's, and a name may say anything.
 */
export async function mailUser(ctx: JobContext, id: string, subject: string, lines: readonly string[]): Promise<void> {
  const user = await ctx.db.select({ email: users.email }).from(users).where(eq(users.id, id)).get()
  if (user?.email) await mail(ctx, user.email, subject, lines)
}

export function money(cents: number): string {
  return `€${(cents / 100).toFixed(2)}`
}
