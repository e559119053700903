/** The names of channels: patterns such as `room:{id}`, and what stands in a name for their parameters. */

import { SelvedgeError } from "../core/problem.ts"

/** Characters of a channel's name. */
const MOST_NAME_LENGTH = 256
const MOST_VALUE_LENGTH = 128
const LITERAL = "[A-Za-z0-9._~-]"
/** What stands between two of `:` and `/`, which no parameter holds, so that a name can be read in one way only. */
const SEGMENT = new RegExp(`^(${LITERAL}*)(?:\\{([a-z][A-Za-z0-9]*)\\}(${LITERAL}*))?$`)
const VALUE_SOURCE = `${LITERAL}{1,${MOST_VALUE_LENGTH}}`
const VALUE = new RegExp(`^${VALUE_SOURCE}$`)

/** The parameters of a pattern, out of its text: `{ id: string }` of `room:{id}`. */
export type ParamsOf<T extends string> = string extends T
  ? Params
  : [ParamNames<T>] extends [never]
    ? Readonly<Record<string, never>>
    : { readonly [K in ParamNames<T>]: string }

type ParamNames<T extends string> = T extends `${string}{${infer Name}}${infer Rest}` ? Name | ParamNames<Rest> : never

export type Params = Readonly<Record<string, string>>

interface Segment {
  readonly prefix: string
  readonly param: string | undefined
  readonly suffix: string
}

export interface Pattern {
  readonly text: string
  readonly params: readonly string[]
  /** Between two segments stands one of the separators. */
  readonly segments: readonly Segment[]
  readonly separators: readonly string[]
  /** With a group for each parameter. */
  readonly names: RegExp
}

/** @param fail Told what is wrong with the pattern, and the mend. */
export function parsePattern(text: string, fail: (fault: string, mend: string) => never): Pattern {
  if (typeof text !== "string" || text === "") fail("the pattern is empty", "write a name such as room:{id}")
  const parts = text.split(/([:/])/)
  const segments = parts.filter((_, index) => index % 2 === 0).map((part) => parseSegment(part, fail))
  const params = segments.flatMap(({ param }) => param ?? [])
  const twin = params.find((param, index) => params.indexOf(param) < index)
  if (twin) fail(`the parameter ${twin} stands twice`, "give each a name of its own")
  const literals = text.replaceAll(/\{\w*\}/g, "_").length
  if (literals > MOST_NAME_LENGTH) fail(`its names are longer than ${MOST_NAME_LENGTH} characters`, "shorten it")
  const source = text.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, `(${VALUE_SOURCE})`)
  const separators = parts.filter((_, index) => index % 2 === 1)
  return { text, params, segments, separators, names: new RegExp(`^${source}$`) }
}

function parseSegment(part: string, fail: (fault: string, mend: string) => never): Segment {
  const found = SEGMENT.exec(part)
  if (found) return { prefix: found[1]!, param: found[2], suffix: found[3] ?? "" }
  if (/\}.*\{/.test(part)) fail(`nothing tells the parameters of ${part} apart`, "put : or / between them")
  if (/[{}]/.test(part))
    fail(`${part} holds no parameter`, "write {name}, a small letter first, then letters and digits")
  return fail(`${part} holds other characters than letters, digits and . _ ~ - : /`, "leave them out")
}

/** @returns The parameters of a name that the pattern matches. */
export function matchName({ names, params }: Pattern, name: string): Params | undefined {
  const found = name.length <= MOST_NAME_LENGTH ? names.exec(name) : null
  return found ? Object.fromEntries(params.map((param, index) => [param, found[index + 1]!])) : undefined
}

/**
 * @throws SelvedgeError `not_found` for values that no name can hold.
 * @throws TypeError for other parameters than the pattern's.
 */
export function nameOf({ text, params }: Pattern, values: Readonly<Record<string, unknown>>): string {
  const given = Object.keys(values)
  const wrong =
    params.find((param) => typeof values[param] !== "string") ?? given.find((param) => !params.includes(param))
  if (wrong !== undefined) {
    const mend = params.length > 0 ? `give ${params.join(", ")} as text` : "give none"
    throw new TypeError(`channel ${text}: the parameter ${wrong} is missing, no text or none of its own; ${mend}`)
  }
  const name = text.replaceAll(/\{(\w+)\}/g, (_, param: string) => values[param] as string)
  if (name.length > MOST_NAME_LENGTH || !params.every((param) => VALUE.test(values[param] as string)))
    throw new SelvedgeError("not_found", "There is no such channel.")
  return name
}

/** Whether some name could be one of both. */
export function overlap(a: Pattern, b: Pattern): boolean {
  return (
    a.separators.join("") === b.separators.join("") &&
    a.segments.every((segment, index) => segmentsOverlap(segment, b.segments[index]!))
  )
}

function segmentsOverlap(a: Segment, b: Segment): boolean {
  if (a.param === undefined) return holds(b, a.prefix)
  if (b.param === undefined) return holds(a, b.prefix)
  const prefixes = a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix)
  return prefixes && (a.suffix.endsWith(b.suffix) || b.suffix.endsWith(a.suffix))
}

function holds({ prefix, param, suffix }: Segment, text: string): boolean {
  if (param === undefined) return prefix === text
  const length = text.length - prefix.length - suffix.length
  return text.startsWith(prefix) && text.endsWith(suffix) && length >= 1 && length <= MOST_VALUE_LENGTH
}
