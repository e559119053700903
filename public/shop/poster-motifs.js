/** What is drawn on posters, one motif a genre, on 200 × 300: varied by `random`, which gives numbers from 0 up to 1. */

import { svg } from "./dom.js"

const WIDTH = 200
const HEIGHT = 300

const circle = (cx, cy, r, fill) => svg("circle", { cx, cy, r, fill })
const ring = (cx, cy, r, stroke, width) => svg("circle", { cx, cy, r, fill: "none", stroke, "stroke-width": width })
const box = (x, y, width, height, fill, rx = 0) => svg("rect", { x, y, width, height, fill, rx })
const shape = (d, fill) => svg("path", { d, fill })
const times = (count, make) => Array.from({ length: count }, (_, index) => make(index))

const MOTIFS = {
  Drama: spotlight,
  Comedy: confetti,
  Action: burst,
  Adventure: hills,
  "Thriller/Suspense": vertigo,
  Horror: teeth,
  "Romantic Comedy": hearts,
  Musical: bars,
  Documentary: contours,
  "Black Comedy": checks,
  Western: mesa,
  "Concert/Performance": beams,
}

/** For films whose genre nobody knows. */
const ANY_GENRE = [reel, weave, clapper, spotlight, contours]

export function motifOf(genre, random, colours) {
  const motif = MOTIFS[genre] ?? ANY_GENRE[Math.floor(random() * ANY_GENRE.length)]
  return motif(random, colours)
}

/** Two discs that meet, and a horizon. */
function spotlight(random, { first, second }) {
  const x = 40 + random() * 120
  const y = 150 + random() * 90
  const radius = 58 + random() * 34
  const side = random() < 0.5 ? -1 : 1
  return [
    circle(x, y, radius, first),
    circle(x + side * radius * (0.5 + random() * 0.4), y + radius * (0.2 + random() * 0.4), radius * 0.62, second),
    ...times(3, (line) => box(0, y + radius * 0.7 + line * 16, WIDTH, 3 + line * 2, first)),
  ]
}

/** Half discs in a loose grid. */
function confetti(random, { first, second }) {
  return times(20, (index) => {
    const x = (index % 4) * 50 + 25
    const y = Math.floor(index / 4) * 50 + 75
    const turn = Math.floor(random() * 4) * 90
    const fill = random() < 0.5 ? first : second
    if (random() < 0.25) return circle(x, y, 9, fill)
    return svg("path", { d: `M${x - 22} ${y}a22 22 0 0 0 44 0Z`, fill, transform: `rotate(${turn} ${x} ${y})` })
  })
}

/** Rays out of one point. */
function burst(random, { first, second }) {
  const x = 30 + random() * 140
  const y = 170 + random() * 90
  const rays = 9 + Math.floor(random() * 5)
  const turn = random() * Math.PI
  const at = (step) => {
    const angle = turn + (step * Math.PI) / rays
    return `${(x + Math.cos(angle) * 420).toFixed(1)} ${(y + Math.sin(angle) * 420).toFixed(1)}`
  }
  return [
    ...times(rays, (ray) => shape(`M${x} ${y}L${at(ray * 2)} ${at(ray * 2 + 1)}Z`, first)),
    circle(x, y, 30 + random() * 26, second),
  ]
}

/** Ranges one behind the other, and a sun. */
function hills(random, { ground, first, second }) {
  const range = (top, fill) => {
    const [a, b, c] = [top + random() * 40, top - 30 + random() * 60, top + random() * 50]
    return shape(`M0 ${a}C50 ${a - 60} 70 ${b + 40} 105 ${b}S170 ${c - 50} 200 ${c}V300H0Z`, fill)
  }
  return [
    circle(50 + random() * 100, 120 + random() * 50, 24 + random() * 22, second),
    range(185, first),
    range(228, second),
    range(266, ground),
  ]
}

/** Rings that draw the eye in, off their centre. */
function vertigo(random, { first, second }) {
  const [x, y] = [60 + random() * 80, 170 + random() * 70]
  const [driftX, driftY] = [random() * 8 - 4, random() * 8 - 4]
  return [
    ...times(8, (index) => ring(x + driftX * index, y + driftY * index, 14 + index * 20, first, 8)),
    circle(x, y, 9 + random() * 12, second),
  ]
}

/** A moon behind spikes. */
function teeth(random, { first, second, ground }) {
  const spikes = 6 + Math.floor(random() * 4)
  const step = WIDTH / spikes
  const row = (base, least, most) =>
    times(spikes, (index) => {
      const tip = base - least - random() * (most - least)
      return `M${index * step} ${base}L${((index + 0.5) * step).toFixed(1)} ${tip.toFixed(1)}L${(index + 1) * step} ${base}Z`
    }).join("")
  return [
    circle(50 + random() * 100, 150 + random() * 40, 44 + random() * 24, second),
    shape(row(300, 60, 150), first),
    shape(row(300, 20, 70), ground),
  ]
}

/** A big heart, and a small one. */
function hearts(random, { first, second }) {
  const heart = (x, y, size, turn, fill) =>
    svg("path", {
      d: "M0 34C-46 4-40-32-16-32-6-32 0-24 0-18 0-24 6-32 16-32 40-32 46 4 0 34Z",
      fill,
      transform: `translate(${x} ${y}) rotate(${turn}) scale(${size})`,
    })
  const side = random() < 0.5 ? 1 : -1
  return [
    circle(100 - side * 70, 90 + random() * 40, 50 + random() * 30, second),
    heart(
      100 + side * (10 + random() * 30),
      205 + random() * 30,
      2 + random() * 0.7,
      side * (8 + random() * 14),
      first,
    ),
    heart(100 - side * 55, 250 + random() * 20, 0.6 + random() * 0.4, -side * 14, second),
  ]
}

/** Bars as loud as the music. */
function bars(random, { first, second }) {
  const swing = random() * 6
  return times(9, (index) => {
    const height = 50 + (Math.sin(index * 0.9 + swing) + 1) * 65 + random() * 35
    return box(8 + index * 21, HEIGHT - height, 14, height + 10, random() < 0.3 ? second : first, 7)
  })
}

/** Lines of equal height. */
function contours(random, { first, second }) {
  const [x, y] = [50 + random() * 100, 180 + random() * 60]
  const [wide, tilt] = [1.2 + random() * 0.6, random() * 60 - 30]
  const lines = times(9, (index) => ring(0, 0, 10 + index * 15, index === 2 ? second : first, index === 2 ? 7 : 3.5))
  return [svg("g", { transform: `translate(${x} ${y}) rotate(${tilt}) scale(${wide} 1)` }, lines)]
}

/** A chessboard, and a piece that doesn't belong. */
function checks(random, { first, second }) {
  const cells = times(30, (index) => [index % 5, Math.floor(index / 5)]).filter(([x, y]) => (x + y) % 2 === 0)
  return [
    ...cells.map(([x, y]) => box(x * 40, 100 + y * 40, 40, 40, first)),
    circle(40 + Math.floor(random() * 4) * 40, 180 + Math.floor(random() * 3) * 40, 26, second),
  ]
}

/** A low sun in stripes behind table mountains. */
function mesa(random, { first, second }) {
  const x = 60 + random() * 80
  const [left, right] = [205 + random() * 30, 190 + random() * 40]
  return [
    circle(x, 190, 58 + random() * 16, second),
    ...times(4, (index) => box(0, 168 + index * 14, WIDTH, 2 + index * 1.5, first)),
    shape(`M0 ${left}H34L44 ${left + 40}H76L84 262H200V300H0Z`, first),
    shape(`M200 ${right}H152L146 ${right + 34}H124L114 270H200Z`, first),
  ]
}

/** Lights from above. */
function beams(random, { first, second }) {
  return times(5, (index) => {
    const from = 10 + index * 45
    const to = from + random() * 120 - 60
    return shape(`M${from - 4} 0H${from + 4}L${to + 34} 300H${to - 34}Z`, index % 2 ? second : first)
  })
}

/** A strip of film. */
function reel(random, { first, second }) {
  const x = random() < 0.5 ? 20 : 120
  const from = random() * 20
  return [
    box(x, 0, 60, HEIGHT, first),
    ...times(13, (index) => [
      box(x + 6, from + index * 24, 8, 12, second, 2),
      box(x + 46, from + index * 24, 8, 12, second, 2),
    ]).flat(),
    circle(x + 30, 150 + random() * 100, 16 + random() * 14, second),
  ]
}

/** Cloth, seen closely. */
function weave(random, { first, second }) {
  const red = Math.floor(random() * 7)
  const threads = times(7, (index) => box(index * 30 + 4, 0, 20, HEIGHT, index === red ? second : first))
  const crossing = times(10, (row) =>
    times(7, (column) => (row + column) % 2 === 0 && box(column * 30 - 1, row * 30 + 8, 30, 13, first)),
  )
  return [...threads, ...crossing.flat().filter(Boolean)]
}

/** The stripes of a clapperboard. */
function clapper(random, { first, second }) {
  const tilt = -8 - random() * 14
  const y = 150 + random() * 60
  const stripes = times(8, (index) => shape(`M${index * 44 - 70} ${y}h22l-26 44h-22Z`, second))
  return [
    svg("g", { transform: `rotate(${tilt} 0 ${y})` }, box(-60, y, 340, 44, first), stripes),
    box(-10, y + 52, 220, 200, first),
  ]
}
