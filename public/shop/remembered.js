/** The film that was clicked at, so that its page shows the poster before any answer, and is gone to without a flash. */

const NAME = "film"

export function rememberFilm(film) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify(film))
  } catch {
    // a full storage costs the flash, nothing else
  }
}

/** @returns The film, if it is the one with the id. */
export function rememberedFilm(id) {
  const film = JSON.parse(sessionStorage.getItem(NAME) ?? "null")
  return film?.id === id ? film : undefined
}
