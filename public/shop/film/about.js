/** The facts of a film. */

import { element, find } from "../dom.js"
import { bigDollars, date, number, rating, runningTime } from "../format.js"

export function showAbout(film) {
  const kicker = [film.genre, film.creativeType].filter(Boolean).join(" · ")
  find("#kicker").textContent = kicker || "Film"
  find("#title").replaceChildren(film.title, film.year ? element("span", { class: "year" }, ` ${film.year}`) : "")
  find("#by").textContent = film.director ? `Directed by ${film.director.name}` : ""
  find("#scores").replaceChildren(...scoresOf(film).map(scoreItem))
  find("#facts").replaceChildren(...factsOf(film).flatMap(factItems))
}

function scoresOf({ rating: imdb, votes, tomatoes }) {
  return [
    imdb !== null && { figure: rating(imdb), of: "/10", text: votes === null ? "IMDb" : `${number(votes)} votes` },
    tomatoes !== null && { figure: number(tomatoes), of: "%", text: "Rotten Tomatoes" },
  ].filter(Boolean)
}

function scoreItem({ figure, of, text }) {
  return element(
    "li",
    {},
    element("strong", {}, figure, element("small", {}, of)),
    element("span", { class: "faint" }, text),
  )
}

function factsOf(film) {
  const facts = {
    Released: film.releasedOn && date(film.releasedOn),
    "Running time": film.runningMinutes && runningTime(film.runningMinutes),
    "MPAA rating": film.mpaaRating,
    Source: film.source,
    Distributor: film.distributor,
    Budget: film.budget && bigDollars(film.budget),
    "Worldwide gross": film.worldwideGross && bigDollars(film.worldwideGross),
    "US gross": film.usGross && bigDollars(film.usGross),
    "DVD sales": film.dvdSales && bigDollars(film.dvdSales),
  }
  return Object.entries(facts).filter(([, value]) => value)
}

const factItems = ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))
