/** What every page is measured by: for screen readers, for narrow screens, and how soon and steadily it is there. */

import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface Finding {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[]
}

/** What axe-core calls serious or critical; a line for each element. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<{ violations: Finding[] }>(`axe.run({ resultTypes: ["violations"] })`)
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")}: ${node.failureSummary}`))
}

/** Elements that make the page wider than the window; none unless it can be scrolled sideways. */
export function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const root = document.documentElement
    if (root.scrollWidth <= root.clientWidth) return []
    const sticksOut = (element) => element.getBoundingClientRect().right > root.clientWidth + 0.5
    const found = [...document.body.querySelectorAll("*")].filter(sticksOut)
    return found.map((element) => element.outerHTML.slice(0, 120)).concat("scrollWidth " + root.scrollWidth)
  })()`)
}

export interface Vitals {
  /** Milliseconds from the beginning of navigation. */
  readonly largestPaintMs: number
  /** Of all that has moved by itself so far. */
  readonly layoutShift: number
  /** Over the network, headers included. */
  readonly bytes: number
}

/** Of a page that is at rest. */
export function vitalsOf(page: Page): Promise<Vitals> {
  return page.evaluate(`(async () => {
    const entriesOf = (type) => new Promise((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true })
      setTimeout(resolve, 500, [])
    })
    const paints = await entriesOf("largest-contentful-paint")
    const shifts = await entriesOf("layout-shift")
    const loads = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    return {
      largestPaintMs: paints.at(-1).startTime,
      layoutShift: shifts.filter((shift) => !shift.hadRecentInput).reduce((sum, { value }) => sum + value, 0),
      bytes: loads.reduce((sum, { transferSize }) => sum + transferSize, 0),
    }
  })()`)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
