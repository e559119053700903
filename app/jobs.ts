/** What the shop does after the answer. */

import { type JobContext, on } from "selvedge"
import type { collections } from "./collections.ts"
import { films } from "./schema.ts"

type ShopContext = JobContext<typeof collections>

/** Copies below which somebody should order more. */
const FEW_COPIES = 3

/** Tells the staff when a film is about to run out. */
export const lowStock = on(films, ["updated"], async ({ before, after }, ctx: ShopContext) => {
  if (before!.stock < FEW_COPIES || after!.stock >= FEW_COPIES) return
  await ctx.mail({
    to: ctx.variable("STAFF_MAIL") ?? "staff@localhost",
    subject: `Few copies left: ${after!.title}`,
    text: `${after!.stock} of "${after!.title}" are left.\n`,
    html: `<p>${after!.stock} copies are left.</p>`,
  })
})
