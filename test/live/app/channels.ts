/** Channels with each kind of rule, of history and of events. */

import { anyone, channel, nobody, role, signedIn } from "selvedge"
import * as z from "zod"

export const room = channel("room:{id}", {
  join: anyone,
  publish: signedIn,
  presence: anyone,
  history: { messages: 100 },
})

export const staffRoom = channel("staff:{id}", { join: role("staff"), publish: role("staff"), presence: nobody })

/** Of one person, who alone may hear it. */
export const inbox = channel("inbox:{userId}", {
  join: (caller, { userId }) => caller.id === userId,
  publish: nobody,
  history: { messages: 10 },
})

export const log = channel("log:{name}", { join: anyone, publish: anyone, history: { messages: 5 } })

/** Nothing of it is kept. */
export const wire = channel("wire:{name}", { join: anyone, publish: anyone, presence: signedIn })

export const poll = channel("poll:{id}", {
  join: anyone,
  publish: anyone,
  events: {
    vote: () => z.strictObject({ choice: z.int().min(1).max(3) }),
    close: z.null(),
  },
  history: { messages: 100, maxAgeS: 3_600 },
})
