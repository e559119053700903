/** `/v1/live`, and lists as streams of events: OpenAPI knows no frames, so they are told in words. */

import { LIVE_PATH } from "../request-charge.ts"
import { headerRefs, refusals } from "./answers.ts"
import type { Json } from "./components.ts"

export const LIVE_TAG = { name: "live", description: "Queries that update themselves, channels and presence." }

/** Stands in the description of a list. */
export const EVENTS =
  " With `Accept: text/event-stream` it follows what happens: a snapshot, then each change. `q`, `count`, `aggregate`, `group`, `after` and `before` can't be followed."

export const EVENT_STREAM_CONTENT: Json = {
  schema: {
    type: "string",
    description:
      "Server-sent events, named `snapshot`, `change` and `problem`; `data` is the message as it stands on a WebSocket (`/v1/live`), `id` the place to go on from. A comment every 15 seconds shows that the stream stands. It ends with a problem, when the token expires or is revoked, and when the reader falls far behind; come again after `retry` with `Last-Event-ID`.",
  },
  example:
    'retry: 2000\n\nevent: snapshot\ndata: {"type":"snapshot","id":"stream","seq":"…","data":[],"page":{"next":null,"previous":null},"sort":"-rating,title,id"}\nid: …\n\n',
}

const FRAMES = `JSON text frames; a frame from the server is one message, or an array of messages in order. The client's frames are handled in order. The text \`ping\` is answered \`pong\`; a client in a channel sends it every 10 seconds.

From the client:

\`\`\`
{ "type": "auth", "token": "…" }
{ "type": "query", "id": "1", "collection": "…", "query": { "sort": "…", "limit": 20 }, "since"? }
{ "type": "join", "id": "2", "channel": "…", "presence"?: { … }, "since"? }
{ "type": "publish", "id": "2", "event": "…", "data": …, "ref"?: "c1" }
{ "type": "presence", "id": "2", "data": … }
{ "type": "leave", "id": "1" }
\`\`\`

From the server:

\`\`\`
{ "type": "ready", "connection": "…", "userId"?, "expiresAt"?, "retry": ms }
{ "type": "snapshot", "id": "1", "seq": "…", "data": [record…], "page": { … }, "sort": "-rating,title,id", "bookmark": "…" }
{ "type": "snapshot", "id": "2", "seq": "…", "members": [{ "id", "name"?, "data" }], "messages": […] }
{ "type": "change", "id": "1", "seq": "…", "op": "added" | "modified" | "removed", "recordId": "…", "record"?: { … }, "bookmark"?: "…" }
{ "type": "message", "id": "2", "seq": "…", "event": "…", "data": …, "from": { "id", "name"? }, "at": "…" }
{ "type": "presence", "id": "2", "joined": […], "updated": […], "left": […] }
{ "type": "ack", "ref": "c1", "seq": "…" }
{ "type": "problem", "id"?, "ref"?, "problem": { … } }
\`\`\`

- A connection begins as the anonymous caller's. \`auth\` says who it is, again before \`expiresAt\`; another user on the same connection is refused. Tokens never stand in the URL.
- \`query\` has the names of the list's parameters: fields as values or objects of operators, \`filter\` as an object, \`sort\`, \`fields\`, \`expand\` and \`limit\` (1 to 1,000, else 100). The same \`id\` again replaces the subscription.
- \`op\` is as the query and the caller see it: what comes to match is \`added\`; what stops matching, or may no longer be read, is \`removed\`. \`limit\` bounds the snapshot alone: changes come for everything that matches.
- \`seq\` is opaque, and sorts as text within a subscription. With \`since\`, what was missed comes first, in order, each once; a new snapshot comes where the log no longer reaches back, or the place is another query's.
- A connection has at most 100 subscriptions, frames of 64 KiB and 20 published messages a second, 100 at once.
- Close codes: 4400 malformed, 4401 the token expired or was revoked, 4403 another user, 4408 too slow, 4429 too much, 1012 a restart: connect again after \`retry\` milliseconds, spread at random, with \`since\`.`

export function livePath(): Record<string, Json> {
  return {
    [LIVE_PATH]: {
      get: {
        operationId: "live",
        tags: [LIVE_TAG.name],
        summary: "Open a WebSocket",
        description: FRAMES,
        security: [{}, { bearer: [] }],
        parameters: [
          {
            name: "Upgrade",
            in: "header",
            required: true,
            description: "With the other headers of a WebSocket's handshake (RFC 6455).",
            schema: { type: "string", const: "websocket" },
          },
          {
            name: "Origin",
            in: "header",
            description: "Browsers send it. It must be a listed site, or the API's own.",
            schema: { type: "string" },
          },
        ],
        responses: {
          101: { description: "The socket stands.", headers: headerRefs("X-Request-Id") },
          ...refusals([400, 401, 403, 405, 426, 500, 503]),
        },
      },
    },
  }
}
