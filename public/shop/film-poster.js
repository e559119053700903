/** Before the film's page is first shown: the poster of the film that was clicked at, so that one grows into the other. */

import { find } from "./dom.js"
import { poster } from "./poster.js"
import { rememberedFilm } from "./remembered.js"

const id = new URLSearchParams(location.search).get("id")
const film = rememberedFilm(id)
if (film) find("#poster").replaceChildren(poster(film))
