/** One call of D1: counted, cut off where it only reads, and made once more where that is safe. */

import { SelvedgeError } from "../core/problem.ts"
import { inTime, wait } from "../core/wait.ts"
import type { Cost } from "./cost.ts"
import { readFailure } from "./errors.ts"
import type { Isolate } from "./isolate.ts"
import { refusal, tooSlow } from "./refusals.ts"

export interface Call {
  readonly statements: number
  /** Only reads: it may be made again, and nobody needs its end when it takes too long. */
  readonly isRead: boolean
  /** Whether to write it twice is to write it once. */
  readonly isRepeatable?: boolean
}

export interface Asker {
  readonly isolate: Isolate
  readonly cost: Cost
  /** Milliseconds that were waited for. */
  elapsedMs: number
  /** Called when a read failed. @returns Whether something has changed, so that it may go well now. */
  recover(error: unknown): boolean
}

const LONGEST_READ_MS = 10_000
/** Milliseconds before the second try. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [50, 150]

/**
 * @throws SelvedgeError `overloaded` when D1 is busy or out of reach, `timeout` when a read takes too long; else what D1
 * threw, and `readFailure` says what it means.
 */
export async function ask<T>(asker: Asker, call: Call, run: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  try {
    return await onceOrTwice(asker, call, run)
  } catch (error) {
    throw refusal(error)
  } finally {
    asker.elapsedMs += performance.now() - startedAt
  }
}

async function onceOrTwice<T>(asker: Asker, call: Call, run: () => Promise<T>): Promise<T> {
  try {
    return await once(asker, call, run)
  } catch (error) {
    const isSafe = call.isRead || call.isRepeatable
    if (isSafe && readFailure(error).kind === "transient") await pause()
    else if (!call.isRead || error instanceof SelvedgeError || !asker.recover(error)) throw error
  }
  return once(asker, call, run)
}

function once<T>(asker: Asker, call: Call, run: () => Promise<T>): Promise<T> {
  const answer = count(asker, call, run)
  return call.isRead ? inTime(answer, LONGEST_READ_MS, () => Promise.reject(tooSlow())) : answer
}

async function count<T>({ isolate, cost }: Asker, { statements }: Call, run: () => Promise<T>): Promise<T> {
  const place = isolate.begin()
  cost.trips++
  cost.statements += statements
  try {
    return await run()
  } finally {
    isolate.end(place)
  }
}

function pause(): Promise<void> {
  const ms = SHORTEST_PAUSE_MS + Math.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS)
  return wait(ms)
}
