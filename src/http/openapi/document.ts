/** The OpenAPI document of a backend. */

import type { RouterRoute } from "hono/types"
import type { Collections } from "../../access/model.ts"
import { hasLive, type LiveOptions } from "../routes/live.ts"
import { PROBLEM_SCHEMA, sharedHeaders, sharedRefusals } from "./answers.ts"
import { collectionPaths } from "./collection-paths.ts"
import { Components, type Json } from "./components.ts"
import { BATCH_TAG, batchPath, OPERATIONS_TAG, operationPaths } from "./engine-paths.ts"
import { withLimits } from "./limits.ts"
import { LIVE_TAG, livePath } from "./live-path.ts"
import { SHARED_PARAMETERS } from "./parameters.ts"
import { GROUND_RULES, GROUPS_SCHEMA, PAGE_SCHEMA } from "./prose.ts"
import { routePaths, routeTags } from "./route-paths.ts"

/** What the document says about the API as a whole. */
export interface DocumentInfo {
  readonly title: string
  /** Of the API, such as `1.4.0`. */
  readonly version: string
  /** CommonMark; stands before what the engine says about every API. */
  readonly description?: string
  /** `identifier` is an SPDX expression. */
  readonly license?: { readonly name: string; readonly identifier?: string; readonly url?: string }
}

export interface DocumentSource {
  readonly collections: Collections
  /** The application's own routes, in the order they were added. */
  readonly routes: readonly Pick<RouterRoute, "path" | "method" | "handler">[]
  /** Routes that nobody is limited on. */
  readonly incoming?: readonly { readonly path: string }[]
  readonly info?: DocumentInfo | undefined
  readonly live?: Pick<LiveOptions, "hasChannels"> | undefined
}

const UNNAMED: DocumentInfo = { title: "API", version: "1.0.0" }

/** The same text for the same definitions, whenever it is made. */
export function createDocument({ collections, routes, incoming = [], info = UNNAMED, live }: DocumentSource): Json {
  const isLive = hasLive(collections, live)
  const components = new Components()
  components.add("Problem", PROBLEM_SCHEMA)
  components.add("Page", PAGE_SCHEMA)
  components.add("Groups", GROUPS_SCHEMA)
  const own = routePaths(routes, components)
  const perCollection = [...collections.values()].map((collection) => ({
    tag: { name: collection.name, description: `The records of \`${collection.name}\`.` },
    paths: collectionPaths(collection, components),
  }))
  const shown = perCollection.filter(({ paths }) => Object.keys(paths).length > 0)
  const all: Record<string, Json> = {
    ...Object.assign({}, ...shown.map((part) => part.paths)),
    ...own,
    ...(shown.length > 0 && batchPath(collections, components)),
    ...(isLive && livePath()),
    ...operationPaths(components),
  }
  const paths = withLimits(all, new Set(incoming.map(({ path }) => path)))
  const responses = used(sharedRefusals(), paths)
  return {
    openapi: "3.1.1",
    info: { ...info, description: [info.description, GROUND_RULES].filter(Boolean).join("\n\n") },
    servers: [{ url: "/", description: "This host." }],
    tags: [
      ...shown.map(({ tag }) => tag),
      ...routeTags(Object.keys(own)),
      ...(shown.length > 0 ? [BATCH_TAG] : []),
      ...(isLive ? [LIVE_TAG] : []),
      OPERATIONS_TAG,
    ],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An access token. Without one the caller is anonymous.",
        },
      },
      schemas: used(components.schemas, [paths, responses, components.schemas]),
      parameters: used(SHARED_PARAMETERS, paths),
      headers: used(sharedHeaders(), [paths, responses]),
      responses,
    },
  }
}

/** Components that nothing refers to are left out. */
function used(parts: Record<string, Json>, by: unknown): Record<string, Json> {
  const text = JSON.stringify(by)
  return Object.fromEntries(Object.entries(parts).filter(([name]) => text.includes(`/${name}"`)))
}
