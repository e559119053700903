/** What clients send. */

import * as z from "zod"
import { isDeeper, MOST_JSON_DEPTH } from "../core/json-depth.ts"
import { jsonPointer, SelvedgeError, validationFailed } from "../core/problem.ts"

export const MOST_FRAME_BYTES = 64 * 1024
const MOST_NAME = 128
const MOST_TOKEN = 16 * 1024

// half of a surrogate pair would come back from storage as something else
const id = z
  .string()
  .min(1)
  .max(MOST_NAME)
  .refine((text) => text.isWellFormed(), "must be well-formed text")
const since = z.string().max(MOST_NAME).nullish()
const data = z.unknown()

const FRAME = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("auth"), token: z.string().max(MOST_TOKEN) }),
  z.strictObject({
    type: z.literal("query"),
    id,
    collection: z.string().max(MOST_NAME),
    query: z.unknown().optional(),
    /** The query string of a URL, in place of `query`: of streams alone. */
    search: z.string().optional(),
    since,
  }),
  z.strictObject({ type: z.literal("join"), id, channel: z.string().max(256), since, presence: data.optional() }),
  z.strictObject({
    type: z.literal("publish"),
    id,
    event: z.string().max(MOST_NAME),
    data,
    ref: z.string().max(MOST_NAME).optional(),
  }),
  z.strictObject({ type: z.literal("presence"), id, data }),
  z.strictObject({ type: z.literal("leave"), id }),
])

export type ClientFrame = z.infer<typeof FRAME>
export type FrameOf<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>

/** @throws SelvedgeError `invalid_json` or `validation_failed`. */
export function readFrame(message: string | ArrayBuffer): ClientFrame {
  if (typeof message !== "string") throw new SelvedgeError("invalid_json", "A frame is JSON text, not bytes.")
  const json = parse(message)
  if (isDeeper(json, MOST_JSON_DEPTH))
    throw new SelvedgeError("invalid_json", `A frame is nested deeper than ${MOST_JSON_DEPTH} levels.`)
  const result = FRAME.safeParse(json)
  if (result.success) return result.data
  throw validationFailed(
    result.error.issues.map(({ path, code, message }) => ({ pointer: jsonPointer(path), code, message })),
  )
}

/** Which subscription, and which of the client's messages, a problem is about. */
export interface Address {
  readonly id?: string | undefined
  readonly ref?: string | undefined
}

/** What of a frame that can't be read says where its problem belongs. */
export function addressOf(message: string | ArrayBuffer): Address {
  try {
    const { id, ref } = JSON.parse(message as string) as Record<string, unknown>
    return { ...(typeof id === "string" && { id }), ...(typeof ref === "string" && { ref }) }
  } catch {
    return {}
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new SelvedgeError("invalid_json", "A frame is not JSON.")
  }
}
