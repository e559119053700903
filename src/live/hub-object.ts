/** A hub as a Durable Object: it holds clients' sockets. */

import { DurableObject } from "cloudflare:workers"
import type { Push } from "../core/live.ts"
import type { HubStub } from "./objects.ts"

export abstract class HubObject extends DurableObject implements HubStub {
  override async fetch(_request: Request): Promise<Response> {
    throw new Error("not built")
  }

  async deliver(_push: Push): Promise<number> {
    throw new Error("not built")
  }
}
