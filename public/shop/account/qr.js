/** QR codes (ISO/IEC 18004) of short texts: bytes, error correction level M, versions 1 to 20, so up to 666 bytes. */

import { svg } from "../dom.js"

/** Of level M, by version: correction codewords of each block, and blocks. */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26]
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16]
const MASKS = [
  (x, y) => (x + y) % 2,
  (_, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
]
const QUIET = 4

/** @returns An SVG element, dark on light whatever the theme: many readers take no other. */
export function qrCode(text, label) {
  const modules = encode(text)
  const size = modules.length + 2 * QUIET
  const path = modules
    .flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")))
    .join("")
  return svg(
    "svg",
    { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": label, class: "qr" },
    svg("rect", { width: size, height: size, fill: "#fff" }),
    svg("path", { d: path }),
  )
}

/** @returns Rows of modules, true where dark. */
export function encode(text) {
  const bytes = new TextEncoder().encode(text)
  const version = CORRECTION.findIndex((_, index) => bytes.length <= room(index + 1)) + 1
  if (version === 0) throw new RangeError("The text is too long for a QR code.")
  const bits = interleave(dataOf(bytes, version), version).flatMap((byte) => bitsOf(byte, 8))
  const pictures = MASKS.map((isFlipped, mask) => draw(version, bits, isFlipped, mask))
  // a reader takes any mask; the one with the fewest equal neighbours is read best
  return pictures.reduce((best, picture) => (sameness(picture) < sameness(best) ? picture : best))
}

/** Bytes that fit, without the mode and the length. */
function room(version) {
  return dataLength(version) - (version < 10 ? 2 : 3)
}

function dataLength(version) {
  const free = fixedModules(version)
    .flat()
    .filter((module) => module === undefined).length
  return Math.floor(free / 8) - CORRECTION[version - 1] * BLOCKS[version - 1]
}

function dataOf(bytes, version) {
  const bits = [0, 1, 0, 0, ...bitsOf(bytes.length, version < 10 ? 8 : 16)]
  for (const byte of bytes) bits.push(...bitsOf(byte, 8))
  const codewords = []
  for (let at = 0; at < bits.length; at += 8)
    codewords.push(bits.slice(at, at + 8).reduce((value, bit, index) => value | (bit << (7 - index)), 0))
  for (let fill = 0xec; codewords.length < dataLength(version); fill ^= 0xfd) codewords.push(fill)
  return codewords
}

/** The first codeword of each block, then the second of each, …; the later blocks are longer by one. */
function interleave(data, version) {
  const count = BLOCKS[version - 1]
  const short = Math.floor(data.length / count)
  const blocks = Array.from({ length: count }, (_, index) => {
    const extra = Math.max(0, index - (count - (data.length % count)))
    const isLong = index >= count - (data.length % count)
    const start = index * short + extra
    return data.slice(start, start + short + (isLong ? 1 : 0))
  })
  const corrections = blocks.map((block) => remainder(block, CORRECTION[version - 1]))
  return [...across(blocks), ...across(corrections)]
}

function across(blocks) {
  const longest = Math.max(...blocks.map((block) => block.length))
  const columns = Array.from({ length: longest }, (_, at) => blocks.flatMap((block) => block.slice(at, at + 1)))
  return columns.flat()
}

/** Reed and Solomon's correction: the rest of a division of polynomials over GF(256). */
function remainder(block, degree) {
  let generator = [1]
  for (let power = 0, root = 1; power < degree; power++, root = times(root, 2)) {
    const shifted = [...generator, 0]
    generator = shifted.map((value, at) => value ^ times(generator[at - 1] ?? 0, root))
  }
  const rest = [...block, ...Array(degree).fill(0)]
  for (let at = 0; at < block.length; at++) {
    const factor = rest[at]
    for (const [index, value] of generator.entries()) rest[at + index] ^= times(value, factor)
  }
  return rest.slice(block.length)
}

function times(a, b) {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ (product >> 7 ? 0x11d : 0)
    if ((b >> bit) & 1) product ^= a
  }
  return product
}

function draw(version, bits, isFlipped, mask) {
  const modules = fixedModules(version)
  const size = modules.length
  let next = 0
  let isUpwards = true
  for (let right = size - 1; right > 0; right -= 2, isUpwards = !isUpwards) {
    if (right === 6) right = 5 // the timing pattern's column
    for (let step = 0; step < size; step++) {
      const y = isUpwards ? size - 1 - step : step
      for (const x of [right, right - 1])
        if (modules[y][x] === undefined) modules[y][x] = (bits[next++] === 1) !== (isFlipped(x, y) === 0)
    }
  }
  drawFormat(modules, mask)
  return modules
}

/** What stands whatever the text; undefined where data goes. */
function fixedModules(version) {
  const size = 17 + 4 * version
  const modules = Array.from({ length: size }, () => Array(size).fill(undefined))
  const square = (middleX, middleY, reach, isDark) => {
    for (let y = Math.max(0, middleY - reach); y <= Math.min(size - 1, middleY + reach); y++)
      for (let x = Math.max(0, middleX - reach); x <= Math.min(size - 1, middleX + reach); x++)
        modules[y][x] = isDark(Math.max(Math.abs(x - middleX), Math.abs(y - middleY)))
  }
  for (let at = 0; at < size; at++) modules[6][at] = modules[at][6] = at % 2 === 0
  const middles = alignmentMiddles(version)
  for (const [row, y] of middles.entries())
    for (const [column, x] of middles.entries()) {
      const isCorner = [row, column].every((at) => at === 0 || at === middles.length - 1)
      if (!isCorner || (row > 0 && column > 0)) square(x, y, 2, (distance) => distance !== 1)
    }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ])
    square(x, y, 4, (distance) => distance !== 2 && distance !== 4)
  if (version >= 7)
    for (const [index, bit] of bitsOf(withCheck(version, 0x1f25, 12), 18)
      .reverse()
      .entries()) {
      const [near, far] = [Math.floor(index / 3), size - 11 + (index % 3)]
      modules[near][far] = modules[far][near] = bit === 1
    }
  drawFormat(modules, 0)
  return modules
}

function alignmentMiddles(version) {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const last = 10 + 4 * version
  const step = Math.ceil((last - 6) / (2 * (count - 1))) * 2
  return [6, ...Array.from({ length: count - 1 }, (_, index) => last - step * (count - 2 - index))]
}

/** The mask, and level M, which is 0: twice, with a dark module beside it. */
function drawFormat(modules, mask) {
  const size = modules.length
  const bits = bitsOf(withCheck(mask, 0x537, 10) ^ 0x5412, 15).reverse()
  for (const [index, bit] of bits.entries()) {
    const near = index < 6 ? index : index < 8 ? index + 1 : index === 8 ? 7 : 14 - index
    if (index < 8) modules[near][8] = modules[8][size - 1 - index] = bit === 1
    else modules[8][near] = modules[size - 15 + index][8] = bit === 1
  }
  modules[size - 8][8] = true
}

/** BCH code: the value, then the rest of its division. */
function withCheck(value, generator, degree) {
  let rest = value << degree
  while (rest >> degree) rest ^= generator << (31 - Math.clz32(rest) - degree)
  return (value << degree) | rest
}

function sameness(modules) {
  const size = modules.length
  return modules
    .flatMap((row, y) =>
      row.map(
        (module, x) => (x + 1 < size && row[x + 1] === module ? 1 : 0) + (modules[y + 1]?.[x] === module ? 1 : 0),
      ),
    )
    .reduce((sum, count) => sum + count, 0)
}

function bitsOf(value, count) {
  return Array.from({ length: count }, (_, index) => (value >> (count - 1 - index)) & 1)
}
