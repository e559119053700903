/** Ids of records; a file of its own, so that scripts have them without the builder of tables. */

import { v7 as uuidv7 } from "uuid"

/** A new record id: UUIDv7 (RFC 9562), so that ids sort by the time of their creation. */
export function newId(): string {
  return uuidv7()
}
