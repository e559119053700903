/** QR codes, by lean-qr, which comes from where the client does. */

import { api } from "../config.js"
import { svg } from "../dom.js"

const QUIET = 4

/** @returns An SVG element, dark on light whatever the theme: many readers take no other. */
export async function qrCode(text, label) {
  const { correction, generate } = await import(`${api}/vendor/lean-qr.js`)
  const code = generate(text, { minCorrectionLevel: correction.M })
  const size = code.size + 2 * QUIET
  const modules = Array.from({ length: size * size }, (_, at) => [at % size, Math.floor(at / size)])
  const dark = modules.filter(([x, y]) => code.get(x - QUIET, y - QUIET))
  return svg(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, class: "qr" },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: dark.map(([x, y]) => `M${x} ${y}h1v1h-1z`).join("") }),
  )
}
