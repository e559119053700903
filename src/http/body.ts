/** Request bodies: JSON in UTF-8, bounded in size and depth, and the forms of our own pages. */

import { isDeeper, MOST_JSON_DEPTH } from "../core/json-depth.ts"
import { SelvedgeError } from "../core/problem.ts"

export const MOST_BODY_BYTES = 1024 * 1024
const FORM = "application/x-www-form-urlencoded"
const MOST_FORM_BYTES = 16 * 1024
/** RFC 7396 */
export const PATCH_TYPES = ["application/merge-patch+json", "application/json"]

export interface Body {
  readonly text: string
  readonly json: unknown
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** @throws SelvedgeError `unsupported_media_type`, `payload_too_large` or `invalid_json`, in this order. */
export async function readJson(request: Request, types: readonly string[] = ["application/json"]): Promise<Body> {
  const text = await readText(request, types)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new SelvedgeError("invalid_json", "The body is not JSON.", { cause })
  }
  if (isDeeper(json, MOST_JSON_DEPTH))
    throw new SelvedgeError("invalid_json", `The body is nested deeper than ${MOST_JSON_DEPTH} levels.`)
  return { text, json }
}

/**
 * What stands in the body, byte for byte.
 *
 * @throws SelvedgeError `unsupported_media_type`, `payload_too_large` or `invalid_json`, in this order.
 */
export async function readText(request: Request, types: readonly string[], most = MOST_BODY_BYTES): Promise<string> {
  requireType(request.headers.get("Content-Type"), types)
  const bytes = await readBytes(request, most)
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new SelvedgeError("invalid_json", "The body is not UTF-8.", { cause })
  }
}

/** @throws SelvedgeError `unsupported_media_type` or `payload_too_large` */
export async function readForm(request: Request): Promise<URLSearchParams> {
  requireType(request.headers.get("Content-Type"), [FORM])
  return new URLSearchParams(new TextDecoder().decode(await readBytes(request, MOST_FORM_BYTES)))
}

function requireType(header: string | null, types: readonly string[]): void {
  const [type = "", ...parameters] = (header ?? "")
    .toLowerCase()
    .split(";")
    .map((part) => part.trim())
  const charset = parameters
    .find((parameter) => parameter.startsWith("charset="))
    ?.slice("charset=".length)
    .replaceAll('"', "")
  if (!types.includes(type)) {
    throw new SelvedgeError("unsupported_media_type", `Send ${types.join(" or ")}.`, {
      headers: { Accept: types.join(", ") },
    })
  }
  if (charset && charset !== "utf-8" && charset !== "utf8")
    throw new SelvedgeError("unsupported_media_type", "Send UTF-8.")
}

async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const declared = request.headers.get("Content-Length")
  if (declared !== null && Number(declared) > most) throw tooLarge(most)
  if (declared !== null || !request.body) return new Uint8Array(await request.arrayBuffer())
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    size += chunk.byteLength
    if (size > most) throw tooLarge(most)
    chunks.push(chunk)
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

function tooLarge(most: number): SelvedgeError {
  return new SelvedgeError("payload_too_large", `A body may hold ${most} bytes.`)
}
