/** A client's picture against what the list says. */

import { expect } from "vitest"
import { eventually } from "../eventually.ts"
import { type Client, connect, type Message } from "./client.ts"
import { list } from "./people.ts"
import { type Picture, sortById } from "./picture.ts"

/** Until the client holds what the list gives; the frames so far were as promised. */
export async function agrees(client: Client, id: string, path: string, token?: string): Promise<void> {
  await eventually(async () => {
    expect(client.closing).toBeUndefined()
    expect(client.picture(id).sorted()).toEqual(sortById(await list(path, token)))
  })
  expect(client.picture(id).faults).toEqual([])
}

/** The operations of a query so far, oldest first. */
export function ops(client: Client, id = "1"): [op: string, recordId: string][] {
  return changesOf(client, id).map(({ op, recordId }) => [op, recordId])
}

export function changesOf(client: Client, id = "1"): Message[] {
  return client.messages.filter((message) => message.type === "change" && message.id === id)
}

export interface Return {
  readonly picture: Picture
  readonly collection: string
  readonly query: object
  readonly token?: string
  /** Of the picture unless told. */
  readonly since?: string
}

/** A new connection that goes on where another one ended, as query 1. */
export async function comeBack({ picture, collection, query, token, since = picture.seq! }: Return): Promise<Client> {
  const client = await connect(token === undefined ? {} : { token })
  client.adopt("1", picture)
  client.send({ type: "query", id: "1", collection, query, since })
  return client
}
