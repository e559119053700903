/** The form for a new film. */

import { client } from "./client.js"
import { find } from "./dom.js"
import { onSubmit } from "./form.js"
import { toast } from "./notices.js"
import { readCents } from "./staff-row.js"

export function offerNewFilm() {
  const dialog = find("#new-film")
  find("#add").addEventListener("click", async () => {
    dialog.showModal()
    if (!find("#genres").hasChildNodes()) await offerGenres()
  })
  find("#new-cancel").addEventListener("click", () => dialog.close())
  onSubmit(find("#new-film-form"), async ({ title, year, genre, priceCents, stock }, form) => {
    const film = {
      title,
      year: Number(year),
      priceCents: readCents(priceCents),
      stock: Number(stock),
      ...(genre && { genre }),
    }
    const { id } = await client.films.create(film)
    form.reset()
    dialog.close()
    toast(`“${title}” is on the shelf.`, { action: { text: "Look at it", href: `/film?id=${id}` } })
  })
}

async function offerGenres() {
  const groups = await client.films.aggregate({ aggregate: ["count"], group: ["genre"] }).catch(() => [])
  const genres = groups.map(({ group }) => group.genre).filter(Boolean)
  find("#genres").append(...genres.map((genre) => new Option(genre)))
}
