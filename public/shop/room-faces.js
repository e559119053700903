/** Who is in a room: initials in a circle, in a colour of their own. */

import { element, find } from "./dom.js"
import { count } from "./format.js"

const MOST_FACES = 12

export function showFaces(members, ownId) {
  const faces = members.slice(0, MOST_FACES).map((member) => {
    const name = nameOf(member)
    const label = member.id === ownId ? `${name} (you)` : name
    return element(
      "li",
      { class: `face hue-${hueOf(member.id)}`, title: label },
      element("span", { "aria-hidden": "true" }, initials(name)),
      element("span", { class: "unseen" }, label),
    )
  })
  const more = members.length - faces.length
  if (more > 0) faces.push(element("li", { class: "face more" }, `+${more}`))
  find("#faces").replaceChildren(...faces)
  find("#count").textContent = members.length === 0 ? "" : `${count(members.length, "person is", "people are")} here`
}

/** The account's name; that of a guest is what they say themselves. */
function nameOf({ name, data }) {
  return name ?? (typeof data?.name === "string" ? data.name.slice(0, 40) : "Guest")
}

function initials(name) {
  const words = name.trim().split(/\s+/)
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]]
  return letters
    .map((word) => [...word][0] ?? "?")
    .join("")
    .toUpperCase()
}

/** The same for the same person, out of six that the style sheet has. */
function hueOf(id) {
  return [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 6, 0)
}
