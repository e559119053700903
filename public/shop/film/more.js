/** Films that are like this one: of the same director, of the same genre. */

import { client } from "../client.js"
import { find } from "../dom.js"
import { CARD_FIELDS, filmCard } from "../film-card.js"

const SHOWN = 6

export async function showMore({ id, genre, directorId, director }) {
  const others = { filter: { id: { ne: id } }, fields: CARD_FIELDS, limit: SHOWN, sort: "-rating,title" }
  await Promise.all([
    directorId && showRow("#of-director", `More by ${director.name}`, { ...others, directorId }),
    genre && showRow("#of-genre", `More ${genre.toLowerCase()}`, { ...others, genre }),
  ])
}

async function showRow(selector, title, query) {
  const { data } = await client.films.list(query)
  if (data.length === 0) return
  const section = find(selector)
  find("h2", section).textContent = title
  find("ul", section).replaceChildren(...data.map(filmCard))
  section.hidden = false
}
