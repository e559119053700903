/** A device in a few words, from what its client says of itself. */

type Rule = readonly [mark: RegExp, name: string]

/** The first that fits: later ones also stand in what others say of themselves. */
const BROWSERS: readonly Rule[] = [
  [/\bEdg(A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS|Chromium)\//, "Chrome"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
]

const SYSTEMS: readonly Rule[] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMacintosh\b|\bMac OS X\b/, "macOS"],
  [/\bLinux\b/, "Linux"],
]

/** @returns Such as `Firefox on Linux`, `curl`, or `Unknown device`. */
export function deviceOf(userAgent: string | null): string {
  const text = userAgent ?? ""
  const known = [nameIn(text, BROWSERS), nameIn(text, SYSTEMS)].filter(Boolean).join(" on ")
  const product = /^(?!Mozilla\b)[\w.-]{1,40}/.exec(text)?.[0]
  return known || product || "Unknown device"
}

function nameIn(text: string, rules: readonly Rule[]): string | undefined {
  return rules.find(([mark]) => mark.test(text))?.[1]
}
