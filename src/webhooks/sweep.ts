/** Removes deliveries that ended long ago. */

import type { Query } from "../db/query.ts"
import { DELIVERY_STATE } from "./delivery.ts"

const KEPT_MS = 30 * 24 * 3_600_000
/** Rows at a time. */
const STEP = 500

export function sweepDeliveries(now: number): Query {
  return {
    sql: `DELETE FROM _deliveries WHERE id IN (SELECT d.id FROM _deliveries d
WHERE d.created_at <= ? AND ${DELIVERY_STATE} <> 'pending' ORDER BY d.created_at LIMIT ${STEP})`,
    params: [now - KEPT_MS],
  }
}
