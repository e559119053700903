/** The one client of a page. */

import { api } from "./config.js"

const library = await import(`${api}/selvedge.js`).catch((cause) => {
  import("./unreachable.js").then(({ showUnreachable }) => showUnreachable())
  throw cause
})

export const { isProblem } = library
export const client = library.createClient(api)
