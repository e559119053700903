/** Which change of each table an answer must have seen, as KV holds it: one value for all tables, so that one read tells. */

import type { Entry } from "./entry.ts"

/** The name in KV. */
export const VERSIONS_KEY = "versions"

export interface Versions {
  /** Undefined as long as nothing is known. */
  readonly epoch: string | undefined
  /** By SQL name, the newest change. */
  readonly seqs: ReadonlyMap<string, number>
}

export const NO_VERSIONS: Versions = { epoch: undefined, seqs: new Map() }

/** A value that is missing or can't be read says nothing: the age of an answer bounds it then. */
export function readVersions(text: string | null | undefined): Versions {
  if (typeof text !== "string") return NO_VERSIONS
  try {
    const { epoch, seqs } = JSON.parse(text) as { epoch: unknown; seqs: object }
    const entries = Object.entries(seqs)
    const isSound = typeof epoch === "string" && entries.every(([, seq]) => Number.isSafeInteger(seq))
    return isSound ? { epoch, seqs: new Map(entries) } : NO_VERSIONS
  } catch {
    return NO_VERSIONS
  }
}

export function writeVersions({ epoch, seqs }: Versions): string {
  return JSON.stringify({ epoch, seqs: Object.fromEntries(seqs) })
}

/** KV may give an older value after a newer one: within a history nothing goes back. What says nothing changes nothing. */
export function newest(known: Versions, read: Versions): Versions {
  if (read.epoch === undefined) return known
  if (read.epoch !== known.epoch) return read
  const seqs = new Map(known.seqs)
  for (const [table, seq] of read.seqs) seqs.set(table, Math.max(seq, seqs.get(table) ?? 0))
  return { epoch: read.epoch, seqs }
}

/** Whether the answer has seen the newest change of all that it was made of. */
export function covers({ epoch, seqs }: Versions, entry: Entry): boolean {
  if (epoch === undefined) return true
  return epoch === entry.epoch && entry.tables.every((table) => (seqs.get(table) ?? 0) <= entry.seq)
}
