/** Conditional requests (RFC 9110, section 13) over versions and bodies. */

import { hashBytes } from "../core/hash.ts"
import { SelvedgeError } from "../core/problem.ts"
import type { Precondition } from "../records/operation.ts"

const TAG = /^(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"$/

export function versionTag(version: number): string {
  return `"${version}"`
}

export function weakTag(body: Uint8Array): string {
  return `W/"${hashBytes(body)}"`
}

/** Whether `If-None-Match` names the tag; weak and strong count as equal. */
export function isNotModified(header: string | null, tag: string): boolean {
  if (header === null) return false
  if (header.trim() === "*") return true
  const plain = tag.replace(/^W\//, "")
  return (header.match(/"[^"]*"/g) ?? ([] as string[])).some((tag) => tag === plain)
}

/** @throws SelvedgeError `invalid_header` for malformed tags, `precondition_required` where the collection wants `If-Match`. */
export function readPrecondition(headers: Headers, required: boolean, mayCreate = false): Precondition {
  const ifNoneMatch = headers.get("If-None-Match")
  if (ifNoneMatch !== null && !(mayCreate && ifNoneMatch.trim() === "*")) {
    throw new SelvedgeError(
      "invalid_header",
      mayCreate ? "If-None-Match takes only * here." : "If-None-Match is for GET, and on PUT for *.",
    )
  }
  const ifMatch = headers.get("If-Match")
  if (ifMatch === null) {
    if (required && ifNoneMatch === null)
      throw new SelvedgeError("precondition_required", "Send If-Match with the record's ETag.")
    return ifNoneMatch === null ? {} : { ifNoneMatch: "*" }
  }
  if (ifMatch.trim() === "*") return { ifMatch: "*", ...(ifNoneMatch !== null && { ifNoneMatch: "*" as const }) }
  const versions = splitTags(ifMatch).flatMap((tag) => {
    const [, weak, value] = TAG.exec(tag)!
    return weak || !/^[1-9]\d{0,15}$/.test(value!) ? [] : [Number(value)]
  })
  return { ifMatch: versions, ...(ifNoneMatch !== null && { ifNoneMatch: "*" as const }) }
}

function splitTags(header: string): string[] {
  const tags = header.match(/(W\/)?"[^"]*"/g) ?? []
  const rest = header.replace(/(W\/)?"[^"]*"/g, "").replace(/[\s,]/g, "")
  if (tags.length === 0 || rest !== "" || !tags.every((tag) => TAG.test(tag))) {
    throw new SelvedgeError("invalid_header", 'An entity tag is text in quotes, such as "3".')
  }
  return tags
}
