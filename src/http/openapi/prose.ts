/** What holds for every API of the engine, in words, and the schemas that no definition changes. */

import { MOST_RECORD_BYTES } from "../../records/size.ts"
import { MOST_BODY_BYTES } from "../body.ts"
import type { Json } from "./components.ts"

/** CommonMark */
export const GROUND_RULES = `## Ground rules

- **Callers**: \`Authorization: Bearer <token>\`; without it the caller is anonymous. A token that isn't good is 401, never anonymous.
- **Records** have \`id\` (a UUID in lower case, which a client may choose), \`createdAt\`, \`updatedAt\` and \`version\`, which moves with every change. Timestamps are RFC 3339 text in UTC, 64-bit numbers are text, bytes are base64url text.
- **What the caller may not see does not exist** for it: hidden records are 404, hidden fields are unknown. This document shows what a signed-in caller without further rights sees; callers with more rights may see more.
- **Bodies** are JSON in UTF-8, at most ${MOST_BODY_BYTES / 1024} KiB, a record at most ${MOST_RECORD_BYTES / 1024} KiB. Unknown fields and fields that the caller may not write are 422, unknown and repeated query parameters 400.
- **Refusals** are \`application/problem+json\` (RFC 9457). Branch on \`code\`; show \`detail\` and \`errors\`.
- **Simple filters** are parameters named like fields: \`year=1999\`, \`rating[gte]=8\`, \`genre[in]=Drama,War\`, \`title[contains]=love\`, \`releasedOn=null\`. Everything else goes through \`filter\`.
- **Repeats**: with an \`Idempotency-Key\` a write happens once, and its answer comes again with \`Idempotency-Replayed: true\`. Refusals aren't kept.
- **Limits** count requests of each user, API key or address. \`RateLimit-Policy\` and \`RateLimit\` tell the limit and what is left; over it is 429, with the seconds to wait in \`Retry-After\`.
- **Freshness**: send the greatest \`Selvedge-Bookmark\` that was answered, and the answer is at least that fresh.
- \`HEAD\` works wherever \`GET\` does; a path that exists with other methods is 405 with \`Allow\`. \`X-Request-Id\` and \`traceparent\` are taken and go into the log.`

/** Stands in the description of strict operations. */
export const STRICT = "Strict: the session must still stand, and roles count as they are at this moment."

export const PAGE_SCHEMA: Json = {
  type: "object",
  description: "Where the pages beside this one are. The cursors are opaque.",
  properties: {
    next: { type: ["string", "null"], description: "For `after`; null on the last page." },
    previous: { type: ["string", "null"], description: "For `before`; null on the first page." },
    total: { type: "integer", minimum: 0, description: "All records that match; with `count=exact` only." },
  },
  required: ["next", "previous"],
  additionalProperties: false,
}

const VALUES: Json = { type: "object", additionalProperties: true }

export const GROUPS_SCHEMA: Json = {
  type: "object",
  description: "The answer to `aggregate`: a group for each set of values of the fields in `group`.",
  properties: {
    data: {
      type: "array",
      items: {
        type: "object",
        properties: {
          group: { ...VALUES, description: "The fields of `group`; empty without it." },
          count: { type: "integer", minimum: 0 },
          sum: { type: "object", additionalProperties: { type: "number" } },
          avg: { type: "object", additionalProperties: { type: ["number", "null"] } },
          min: VALUES,
          max: VALUES,
        },
        required: ["group"],
        additionalProperties: false,
      },
    },
  },
  required: ["data"],
  additionalProperties: false,
}
