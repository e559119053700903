/** What a client knows of the application's own routes: what `routes` of `defineBackend` returns tells. */

import type { ExtractSchema } from "hono/types"
import type { SuccessStatusCode } from "hono/utils/http-status"
import type { AnyBackend, Simplify } from "./inference.ts"
import type { CallOptions } from "./list-request.ts"

/** Paths with their methods and what these take and give; nothing where it isn't known. */
export type RoutesOf<B extends AnyBackend> = ExtractSchema<NonNullable<B["client"]>["routes"]>

type AnyMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"
/** The engine's own, which no collection's methods stand for. */
type EnginePath = `/v1/${"admin" | "auth"}/${string}` | `/health${string}` | "/openapi.json"

type IsKnown<S> = [keyof S] extends [never] ? false : true
type Key<M extends string> = `$${Lowercase<M>}`

export type MethodOf<S> = IsKnown<S> extends true ? AnyMethod : string

/** Paths that take the method, with their parameters by name or filled in. */
export type PathOf<S, M extends string> =
  IsKnown<S> extends true
    ?
        | { [P in keyof S & string]: Key<M> extends keyof S[P] ? P | (Filled<P> & {}) : never }[keyof S & string]
        | (EnginePath & {})
    : string

/** `/v1/films/:id/poster` as the paths that it matches; never where it has no parameter. */
type Filled<P extends string> = P extends `${infer A}:${string}/${infer Rest}`
  ? `${A}${string}/${Filled<Rest> extends never ? Rest : Filled<Rest>}`
  : P extends `${infer A}:${string}`
    ? `${A}${string}`
    : never

type Routed<S, P> = P extends keyof S
  ? P
  : { [K in keyof S & string]: P extends Filled<K> ? K : never }[keyof S & string]

type Endpoint<S, M extends string, P> =
  Routed<S, P> extends infer R extends keyof S ? (Key<M> extends infer N extends keyof S[R] ? S[R][N] : never) : never

/** What `fetch` would take, and what makes it safe to repeat. */
export interface RequestOptions extends CallOptions {
  readonly body?: unknown
  readonly query?: Readonly<Record<string, unknown>>
  /** For a path that names its parameters, such as `/v1/films/:id/poster`. */
  readonly params?: Readonly<Record<string, string>>
  /** The intent. With it the request is repeated until there is an answer, and done once; without it a write is tried once. */
  readonly key?: string
}

type Unnamed<N extends keyof RequestOptions> = { readonly [K in N]?: RequestOptions[K] }
type Taken<I, T extends string, N extends "body" | "query"> = I extends { readonly [K in T]: infer V }
  ? unknown extends V
    ? Unnamed<N>
    : undefined extends V
      ? { readonly [K in N]?: V }
      : Record<never, never> extends V
        ? N extends "query"
          ? { readonly [K in N]?: V }
          : { readonly [K in N]: V }
        : { readonly [K in N]: V }
  : Unnamed<N>
type Params<S, P, I> = P extends keyof S
  ? I extends { readonly param: infer V }
    ? { readonly params: V }
    : unknown
  : unknown

type OptionsOf<S, P, X> = [X] extends [{ readonly input: infer I }]
  ? Simplify<
      Taken<I, "json", "body"> & Taken<I, "query", "query"> & Params<S, P, I> & Pick<RequestOptions, "key" | "signal">
    >
  : RequestOptions

/** The rest of the arguments; the options may be left out where nothing in them is required. */
export type RequestArguments<S, M extends string, P> =
  OptionsOf<S, P, Endpoint<S, M, P>> extends infer O
    ? Record<never, never> extends O
      ? [options?: O]
      : [options: O]
    : never

/** The JSON of a success; undefined where there is none. */
export type AnswerOf<S, M extends string, P> = Told<Endpoint<S, M, P>>

type Told<X> = [X] extends [never] ? unknown : Success<X>
type Success<X> = X extends { readonly output: infer O; readonly status: infer U }
  ? [U & SuccessStatusCode] extends [never]
    ? never
    : [U] extends [204]
      ? undefined
      : [keyof O] extends [never]
        ? unknown
        : O
  : unknown
