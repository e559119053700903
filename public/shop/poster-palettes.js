/**
 * The colours of posters: ground, two shapes, and the ink. Ink is readable on each of the other three (4.5:1 at least), so
 * that a title may lie over any shape.
 */

const PALETTES = {
  Drama: [
    ["#2b2f4c", "#454b75", "#8c3b4a", "#f6efe2"],
    ["#eadfca", "#d8bb8f", "#cf9a70", "#2a1f1a"],
    ["#1f3b3f", "#2f585c", "#7a4f3a", "#f3ece0"],
    ["#5a2a35", "#7a3d47", "#3a2233", "#f8e9dc"],
  ],
  Comedy: [
    ["#f7c948", "#f3a24a", "#fbf0cf", "#23203a"],
    ["#f4aaa2", "#f7d774", "#fff1dc", "#3a1830"],
    ["#93d3c2", "#f7e08a", "#e6f5ec", "#123a3a"],
    ["#f6e7c8", "#8fc6e8", "#f3a58c", "#1e2748"],
  ],
  Action: [
    ["#b8271d", "#8c1a15", "#231a1f", "#fff4e6"],
    ["#15181f", "#343a48", "#9c2f1f", "#ffe9c9"],
    ["#f28f27", "#f5b84a", "#f8e0aa", "#1c1410"],
    ["#1d3346", "#2d4d66", "#a13c22", "#fdf0dc"],
  ],
  Adventure: [
    ["#f3d9a4", "#e8a868", "#8fbfb2", "#1d2b2a"],
    ["#12454a", "#1f6462", "#84491b", "#fbeed2"],
    ["#bcd7e0", "#8ebfa8", "#f0c987", "#17303a"],
    ["#2f4a2d", "#45673f", "#7c5222", "#f7efd6"],
  ],
  "Thriller/Suspense": [
    ["#e9e3d5", "#d9c9a0", "#e58f86", "#14171c"],
    ["#101820", "#243847", "#6d2a2f", "#e9edf0"],
    ["#b9351f", "#952817", "#2a1512", "#fff6ea"],
    ["#26323b", "#3b4c58", "#7c3f22", "#f2eee2"],
  ],
  Horror: [
    ["#0d0b10", "#2a1720", "#8e1720", "#f3e8df"],
    ["#10201a", "#1d3a2c", "#4a5a22", "#e6f0d8"],
    ["#7d141b", "#520d14", "#1a090c", "#ffe9dd"],
    ["#1b1830", "#332c58", "#6a1d3c", "#efe6f5"],
  ],
  "Romantic Comedy": [
    ["#f6c9cf", "#f29ca6", "#fbe6dc", "#4a1430"],
    ["#fbe3c8", "#f4ab92", "#f3c6d3", "#4b1a2b"],
    ["#c9d8f2", "#f4b6c2", "#eef2fb", "#25234f"],
  ],
  Musical: [
    ["#3b1d4f", "#5f2f77", "#8c2f5c", "#fff0d9"],
    ["#f2d6f0", "#d9a9e0", "#f6d27a", "#321242"],
    ["#14265a", "#28408a", "#7d3b72", "#fdf0d5"],
  ],
  Documentary: [
    ["#e8e8e2", "#c9d2cc", "#b8c4d6", "#1c2326"],
    ["#22302e", "#35504b", "#4f5a3c", "#eef2ea"],
    ["#d9e2e4", "#b4cbd0", "#e3cfa6", "#1b2b33"],
  ],
  "Black Comedy": [
    ["#191919", "#3a3a3a", "#6d5200", "#f4efe4"],
    ["#f1ece0", "#d0c8b4", "#d3b24a", "#191919"],
  ],
  Western: [
    ["#e7b36a", "#dc9a58", "#f4d9a0", "#3a1a10"],
    ["#7a2e1b", "#943f22", "#4f1d14", "#fbe6c2"],
    ["#3d2a1e", "#5c3d28", "#84461f", "#f7e3bf"],
  ],
  "Concert/Performance": [["#120f2d", "#2b1f63", "#6a1f6d", "#f4eaff"]],
}

const WITHOUT_GENRE = [
  ["#24386a", "#34508f", "#8f2a35", "#f7f2e6"],
  ["#e4dfd0", "#cbc3ab", "#b9c4dc", "#1d2440"],
  ["#2d2d33", "#45454f", "#5d4a3a", "#f0ebe0"],
]

/** @param pick From 0 up to 1. */
export function paletteOf(genre, pick) {
  const palettes = PALETTES[genre] ?? WITHOUT_GENRE
  const [ground, first, second, ink] = palettes[Math.floor(pick * palettes.length)]
  return { ground, first, second, ink }
}
