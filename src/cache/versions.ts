/** Which change of each table an answer must have seen, as KV holds it: one value for all tables, so that one read tells. */

import type { Entry } from "./entry.ts"

/** The name in KV. */
export const VERSIONS_KEY = "versions"

export interface Versions {
  /** Undefined as long as nothing is known. */
  readonly epoch: string | undefined
  /** By SQL name, the newest change. */
  readonly seqs: Readonly<Record<string, number>>
}

export const NO_VERSIONS: Versions = { epoch: undefined, seqs: {} }

/** A value that is missing or can't be read says nothing: the age of an answer bounds it then. */
export function readVersions(text: string | null | undefined): Versions {
  if (text === null || text === undefined) return NO_VERSIONS
  try {
    return JSON.parse(text) as Versions
  } catch {
    return NO_VERSIONS
  }
}

/** Whether the answer has seen the newest change of all that it was made of. */
export function covers({ epoch, seqs }: Versions, entry: Entry): boolean {
  if (epoch === undefined) return true
  return epoch === entry.epoch && entry.tables.every((table) => (seqs[table] ?? 0) <= entry.seq)
}
