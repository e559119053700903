/** One film of the `vega-datasets` file `movies.json`, cleaned. */

/** The fields of the file that the shop uses, as they stand there. */
export interface Movie {
  Title: string | number | null
  "US Gross": number | null
  "Worldwide Gross": number | null
  "US DVD Sales": number | null
  "Production Budget": number | null
  "Release Date": string | null
  "MPAA Rating": string | null
  "Running Time min": number | null
  Distributor: string | null
  Source: string | null
  "Major Genre": string | null
  "Creative Type": string | null
  Director: string | null
  "Rotten Tomatoes Rating": number | null
  "IMDB Rating": number | null
  "IMDB Votes": number | null
}

export interface Film {
  title: string
  year: number | null
  releasedOn: string | null
  genre: string | null
  creativeType: string | null
  source: string | null
  distributor: string | null
  mpaaRating: string | null
  runningMinutes: number | null
  rating: number | null
  votes: number | null
  tomatoes: number | null
  budget: number | null
  worldwideGross: number | null
  usGross: number | null
  dvdSales: number | null
  director: string | null
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const RELEASE_DATE = /^([A-Z][a-z]{2}) (\d{2}) (\d{4})$/

/** The file was made in 2011 out of two-digit years: a later year in it, such as 2046, is one of the century before. */
const NEWEST_YEAR = 2011

/** The file's Latin-1 was read as Mac Roman once: these are the characters it holds, and those that were meant. */
const MEANT: Record<string, string> = {
  È: "é",
  Í: "ê",
  Ë: "è",
  Î: "ë",
  "˘": "ù",
  Ù: "ô",
  Û: "ó",
  "‰": "ä",
  "‡": "à",
  "·": "á",
  Ω: "½",
  Ö: "…",
}

export function cleanMovie(movie: Movie): Film {
  const released = cleanDate(movie["Release Date"])
  return {
    title: cleanText(movie.Title) ?? "Untitled",
    year: released === null ? null : Number(released.slice(0, 4)),
    releasedOn: released,
    genre: cleanText(movie["Major Genre"]),
    creativeType: cleanText(movie["Creative Type"]),
    source: cleanText(movie.Source),
    distributor: unless("Distributor Unknown", cleanText(movie.Distributor)),
    mpaaRating: unless("Open", cleanText(movie["MPAA Rating"])),
    runningMinutes: movie["Running Time min"],
    rating: movie["IMDB Rating"],
    votes: movie["IMDB Votes"],
    tomatoes: movie["Rotten Tomatoes Rating"],
    budget: movie["Production Budget"],
    worldwideGross: movie["Worldwide Gross"],
    usGross: movie["US Gross"],
    dvdSales: movie["US DVD Sales"],
    director: cleanText(movie.Director),
  }
}

/** @returns The day as `1998-06-12`, or null when the text is no day. */
function cleanDate(text: string | null): string | null {
  const [, monthName = "", day = "", digits] = RELEASE_DATE.exec(text ?? "") ?? []
  const month = MONTHS.indexOf(monthName) + 1
  if (month === 0) return null
  const year = Number(digits) > NEWEST_YEAR ? Number(digits) - 100 : Number(digits)
  return `${year}-${String(month).padStart(2, "0")}-${day}`
}

/** Titles such as 1776 and 9 are numbers in the file. */
function cleanText(value: string | number | null): string | null {
  if (value === null) return null
  const text = String(value).replaceAll(/\P{ASCII}/gu, (character) => MEANT[character] ?? character)
  return text.replaceAll(/\s+/g, " ").trim() || null
}

function unless(unknown: string, text: string | null): string | null {
  return text === unknown ? null : text
}
