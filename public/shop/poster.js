/** Posters: there are no pictures of the films, so each is composed of its title, year and genre, always the same way. */

import { element, svg } from "./dom.js"
import { motifOf } from "./poster-motifs.js"
import { paletteOf } from "./poster-palettes.js"

/** In hundredths of the width inside the poster's edge. */
const TEXT_WIDTH = 98
const LARGEST = 34
const SMALLEST = 8
/** Of a title, in the same unit squared: its lines may fill about half of the poster. */
const TEXT_AREA = 4_600

/** How broad the letters are by the longest word, as `font-stretch`, and how much of an em a letter then takes. */
const WIDTHS = [
  { upTo: 4, stretch: 125, perLetter: 0.74 },
  { upTo: 6, stretch: 110, perLetter: 0.66 },
  { upTo: 8, stretch: 95, perLetter: 0.59 },
  { upTo: 11, stretch: 80, perLetter: 0.51 },
  { upTo: Number.POSITIVE_INFINITY, stretch: 66, perLetter: 0.45 },
]
const SERIF = ["Drama", "Romantic Comedy", "Musical", "Western", "Documentary"]
const SERIF_PER_LETTER = 0.6
const WIDE = /[mwMW]/
const NARROW = /[iljtfrI1.,:;'’! ]/
const CAPITAL = /\p{Lu}/u

/**
 * @param film `id`, `title`, and what is there of `year`, `genre`, `director`.
 * @param heading The element of the title, such as `h3`; without it the poster is a picture that says nothing new.
 */
export function poster({ id, title, year, genre, director }, heading) {
  const random = randomOf(id)
  const colours = paletteOf(genre, random())
  const isLow = random() < 0.5
  const drawing = svg(
    "svg",
    { viewBox: "0 0 200 300", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    motifOf(genre, random, colours),
  )
  const titleElement = element(heading ?? "p", { class: "poster-title" }, title)
  setTitle(titleElement, title, genre)
  const node = element(
    "div",
    { class: `poster ${isLow ? "is-low" : ""}`, "aria-hidden": heading ? undefined : "true" },
    drawing,
    titleElement,
    element(
      "p",
      { class: "poster-credit" },
      element("span", {}, director?.name ?? ""),
      element("span", {}, year ?? ""),
    ),
  )
  node.style.setProperty("--ground", colours.ground)
  node.style.setProperty("--poster-ink", colours.ink)
  return node
}

/** As large as the longest word and the length of the whole allow. */
function setTitle(node, title, genre) {
  const longest = Math.max(...title.split(/[\s-]+/).map(lettersOf))
  const isSerif = SERIF.includes(genre)
  const { stretch, perLetter } = WIDTHS.find(({ upTo }) => longest <= upTo)
  const letter = isSerif ? SERIF_PER_LETTER : perLetter
  const byWord = TEXT_WIDTH / (longest * letter)
  const byArea = Math.sqrt(TEXT_AREA / (lettersOf(title) * letter))
  const size = Math.max(SMALLEST, Math.min(LARGEST, byWord, byArea))
  node.style.fontSize = `${size.toFixed(2)}cqi`
  node.style.fontStretch = `${stretch}%`
  node.classList.toggle("is-serif", isSerif)
}

/** How long a text is, in letters of the usual width. */
function lettersOf(text) {
  return [...text].reduce(
    (sum, letter) => sum + (WIDE.test(letter) ? 1.5 : NARROW.test(letter) ? 0.6 : CAPITAL.test(letter) ? 1.15 : 1),
    0,
  )
}

/** The same numbers for the same id (mulberry32). */
function randomOf(id) {
  let state = 0
  for (const letter of id) state = Math.imul(state ^ letter.codePointAt(0), 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
