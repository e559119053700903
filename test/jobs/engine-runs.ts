/** Batches of messages as the platform brings them: side by side, in any order, some twice, some never. */

import { consume } from "../../src/jobs/consumer.ts"
import type { QueueMessage } from "../../src/jobs/messages.ts"
import type { JobScenario } from "./scenario.ts"

/** Hands over batches at once, and waits for all that they began. */
export async function consumeInParallel(
  { work }: Pick<JobScenario, "work">,
  batches: readonly (readonly QueueMessage[])[],
): Promise<void> {
  const begun: Promise<unknown>[] = []
  await Promise.all(batches.map((batch) => consume(batch, work.system, (promise) => begun.push(promise))))
  await Promise.all(begun)
}
