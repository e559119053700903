/** What the check found, as text: each missing index once, above all that it would serve. */

import type { Finding, IndexCheck, Note } from "./check.ts"

/** @param against Which database the statements were explained on. */
export function report({ statements, findings, notes }: IndexCheck, against: string): string {
  const summary =
    findings.length === 0
      ? `${statements} statements explained, no scan, no temporary sort, ${against}.`
      : `${statements} statements explained ${against}. Add what is missing, run npm run migrate -- NAME, and check again.`
  return [...[...Map.groupBy(findings, mendOf)].map(findingText), ...notes.map(noteText), summary].join("\n")
}

function mendOf({ table, mend }: Finding): string {
  return `${table}: ${mend}`
}

function findingText([mend, findings]: [string, readonly Finding[]]): string {
  return `${mend}\n${findings.map(placeText).join("\n")}\n`
}

function noteText(note: Note): string {
  return `A note: several indexes find the few rows of a rule, which are then sorted.\n${placeText(note)}\n`
}

function placeText({ place, callers, plan }: Note): string {
  return [`  ${place} (${callers.join(", ")})`, ...plan.map((line) => `    ${line}`)].join("\n")
}
