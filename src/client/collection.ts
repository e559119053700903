/** Reads and writes of one collection. */

import type { Http } from "./http.ts"
import type { CallOptions, ListRequest, PageOf } from "./list-request.ts"
import type { ListClient } from "./live/contract.ts"
import { watchList } from "./live-entry.ts"
import type { LiveState } from "./live-types.ts"
import type { ClientRecord, Outbox, Write } from "./outbox.ts"
import { jsonText, type QueryObject, queryString } from "./query-string.ts"
import { newRecordId } from "./record-id.ts"
import type { Store } from "./store.ts"

type Values = Readonly<Record<string, unknown>>
/** A record, whose version must not have moved on, or an id. */
export type Target = string | { readonly id: string; readonly version: number }

/** A write before it is sent: alone, or as a part of a batch. */
export interface Operation {
  readonly write: Write
  readonly method: string
  readonly path: string
  readonly body?: Values
}

export class Collection {
  readonly name: string
  readonly #http: Http
  readonly #outbox: Outbox

  readonly #load: () => Promise<ListClient>

  constructor(name: string, http: Http, outbox: Outbox, load: () => Promise<ListClient>) {
    this.name = name
    this.#http = http
    this.#outbox = outbox
    this.#load = load
  }

  list(query: QueryObject = {}, { signal }: CallOptions = {}): ListRequest<ClientRecord> {
    const ask = async (more: QueryObject) =>
      (await this.#read("", { ...query, ...more }, signal)) as PageOf<ClientRecord>
    async function* pages() {
      let page = await ask({})
      yield page
      while (page.page.next !== null) {
        page = await ask({ after: page.page.next, before: undefined })
        yield page
      }
    }
    async function* records() {
      for await (const { data } of pages()) yield* data
    }
    return {
      // biome-ignore lint/suspicious/noThenProperty: awaiting a list is what asks for it
      then: (fulfilled, rejected) => ask({}).then(fulfilled, rejected),
      catch: (rejected) => ask({}).catch(rejected),
      [Symbol.asyncIterator]: records,
      pages,
    }
  }

  search(q: string, query: QueryObject = {}, options?: CallOptions): ListRequest<ClientRecord> {
    return this.list({ ...query, q }, options)
  }

  async get(id: string, query: QueryObject = {}, { signal }: CallOptions = {}): Promise<ClientRecord> {
    return (await this.#read(`/${encodeURIComponent(id)}`, query, signal)) as ClientRecord
  }

  async count(query: QueryObject = {}, { signal }: CallOptions = {}): Promise<number> {
    const page = (await this.#read("", { ...query, count: "exact", limit: 1 }, signal)) as PageOf<ClientRecord>
    return page.page.total!
  }

  async aggregate(query: QueryObject, { signal }: CallOptions = {}): Promise<unknown> {
    return ((await this.#read("", query, signal)) as { data: unknown }).data
  }

  async #read(path: string, query: QueryObject, signal: AbortSignal | undefined): Promise<unknown> {
    const path_ = `/v1/${this.name}${path}${queryString(query)}`
    return (await this.#http.send({ method: "GET", path: path_, signal })).body
  }

  watch(query: QueryObject): Store<LiveState<ClientRecord>> {
    return watchList(this.#load, this, query)
  }

  live(
    query: QueryObject,
    changed: (records: readonly ClientRecord[], state: LiveState<ClientRecord>) => void,
  ): () => void {
    const list = this.watch(query)
    return list.subscribe(() => changed(list.get().data, list.get()))
  }

  async create(values: Values, options?: CallOptions): Promise<ClientRecord> {
    return (await this.#submit(this.operations.create(values), options))!
  }

  async update(target: Target, patch: Values, options?: CallOptions): Promise<ClientRecord> {
    return (await this.#submit(this.operations.update(target, patch), options))!
  }

  async replace(target: Target, values: Values, options?: CallOptions): Promise<ClientRecord> {
    return (await this.#submit(this.operations.replace(target, values), options))!
  }

  async delete(target: Target, options?: CallOptions): Promise<void> {
    await this.#submit(this.operations.delete(target), options)
  }

  /** The same as parts of a batch. */
  readonly operations = {
    create: (values: Values): Operation => {
      const id = (values.id as string | undefined) ?? newRecordId()
      return this.#operation("POST", "create", id, { ...values, id }, `/v1/${this.name}`)
    },
    update: (target: Target, patch: Values): Operation => this.#operation("PATCH", "update", target, patch),
    replace: (target: Target, values: Values): Operation => this.#operation("PUT", "replace", target, values),
    delete: (target: Target): Operation => this.#operation("DELETE", "delete", target),
  }

  #operation(method: string, kind: Write["kind"], target: Target, body?: Values, path?: string): Operation {
    const [id, ifVersion] = typeof target === "string" ? [target] : [target.id, target.version]
    // as it is now: whoever wrote it may change it while it waits
    const values = JSON.parse(jsonText(body ?? {})) as Values
    const write = { kind, collection: this.name, id, values, ifVersion }
    return { write, method, path: path ?? `/v1/${this.name}/${encodeURIComponent(id)}`, ...(body && { body: values }) }
  }

  async #submit(operation: Operation, { signal }: CallOptions = {}): Promise<ClientRecord | undefined> {
    const { write, method, path, body } = operation
    const key = newRecordId()
    const [record] = await this.#outbox.submit(
      [write],
      (versionOf) => ({ method, path, body, key, headers: ifMatch(versionOf(write)) }),
      (answer) => [answer as ClientRecord | undefined],
      signal,
    )
    return record
  }
}

export function ifMatch(version: number | undefined): Readonly<Record<string, string>> {
  return version === undefined ? {} : { "If-Match": `"${version}"` }
}

/** Several writes of any collections, all or nothing. @returns The records in the same order, undefined for the deleted. */
export async function runBatch(
  outbox: Outbox,
  operations: readonly Operation[],
  { signal }: CallOptions = {},
): Promise<readonly (ClientRecord | undefined)[]> {
  const key = newRecordId()
  const writes = operations.map(({ write }) => write)
  // of several writes to one record the first asks for its version: for the next it has moved on
  const isFirst = writes.map(
    ({ collection, id }, i) => writes.findIndex((other) => other.collection === collection && other.id === id) === i,
  )
  return outbox.submit(
    writes,
    (versionOf) => ({
      method: "POST",
      path: "/v1/batch",
      key,
      body: {
        operations: operations.map(({ write, method, path, body }, i) => ({
          method,
          path,
          body,
          headers: isFirst[i] ? ifMatch(versionOf(write)) : {},
        })),
      },
    }),
    (answer) =>
      (answer as { results: readonly { body?: ClientRecord | null }[] }).results.map(({ body }) => body ?? undefined),
    signal,
  )
}
