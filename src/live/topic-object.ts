/** A topic as a Durable Object. */

import { DurableObject } from "cloudflare:workers"
import type { Entered, HubStub, Joined, JoinOrder, LiveNamespace, PublishOrder, TopicStub } from "./objects.ts"

/** A subclass says where the hubs are. */
export abstract class TopicObject extends DurableObject implements TopicStub {
  protected abstract hubs(): LiveNamespace<HubStub>

  async push(_order: Parameters<TopicStub["push"]>[0]): Promise<void> {
    throw new Error("not built")
  }

  async enter(_hub: string): Promise<Entered> {
    throw new Error("not built")
  }

  async join(_order: JoinOrder): Promise<Joined> {
    throw new Error("not built")
  }

  async missed(_seq: number): ReturnType<TopicStub["missed"]> {
    throw new Error("not built")
  }

  async publish(_order: PublishOrder): ReturnType<TopicStub["publish"]> {
    throw new Error("not built")
  }

  async present(): Promise<void> {
    throw new Error("not built")
  }
}
