/** The film that was clicked at, so that its page shows the poster before any answer, and is gone to without a flash. */

import { keep, kept } from "./kept.js"

const NAME = "film"

export function rememberFilm(film) {
  keep(NAME, film)
}

/** @returns The film, if it is the one with the id. */
export function rememberedFilm(id) {
  const film = kept(NAME)
  return film?.id === id ? film : undefined
}
