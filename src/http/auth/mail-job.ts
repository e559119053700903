/** The job that every mail of sign-in goes out by. */

import * as z from "zod"
import type { MailInput } from "../../auth/context.ts"
import { type MailRoom, sendMail } from "../../auth/send-mail.ts"
import type { JobHandle } from "../../core/job.ts"
import { type JobDefinition, resolveLimits } from "../../jobs/definition.ts"

/** Eight retries within about twenty minutes: as long as somebody waits for a mail, and a provider is briefly away. */
const limits = resolveLimits("mail", { retries: 8, backoff: { first: 5_000, most: 15 * 60_000 } })

const inputSchema = z.union([
  z.strictObject({
    purpose: z.enum([
      "verify-email",
      "change-email",
      "email-changed",
      "sign-in-link",
      "sign-in-code",
      "reset-password",
    ]),
    order: z.string(),
  }),
  z.strictObject({ purpose: z.literal("password-changed"), userId: z.string() }),
])

export const mailHandle: JobHandle<MailInput> = { ...limits, check: readInput, uniqueKey: undefined }

export function mailJob(room: MailRoom): JobDefinition {
  return { ...limits, check: readInput, uniqueKey: undefined, run: (input) => sendMail(room, readInput(input)) }
}

/** An operator may have edited it. @throws TypeError */
function readInput(input: unknown): MailInput {
  const result = inputSchema.safeParse(input)
  if (result.success) return result.data
  throw new TypeError("job mail: the input names a purpose, and what the mail is about")
}
