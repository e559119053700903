/** What people say to each other in the shop: a room for each watch party. */

import { channel, signedIn } from "selvedge"
import * as z from "zod"

export const room = channel("room:{id}", {
  join: signedIn,
  publish: signedIn,
  presence: signedIn,
  events: { message: () => z.strictObject({ text: z.string().trim().min(1).max(2_000) }) },
  history: { messages: 100 },
})
