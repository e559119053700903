/** Figures and times as people read them. */

const LANGUAGE = "en"
const MINUTE_MS = 60_000

const euros = new Intl.NumberFormat(LANGUAGE, { style: "currency", currency: "EUR" })
const dollars = new Intl.NumberFormat(LANGUAGE, {
  style: "currency",
  currency: "USD",
  notation: "compact",
  maximumSignificantDigits: 3,
})
const whole = new Intl.NumberFormat(LANGUAGE)
const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "long" })
const moment = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" })
const ago = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" })

/** @param cents Of a euro, as prices are kept. */
export const money = (cents) => euros.format(cents / 100)
/** What films cost and earn, in US dollars: `$160M`. */
export const bigDollars = (amount) => dollars.format(amount)
export const number = (value) => whole.format(value)
export const rating = (value) => value?.toFixed(1) ?? "–"
export const date = (time) => day.format(new Date(time))
export const dateTime = (time) => moment.format(new Date(time))

/** `1 copy`, `2 copies`. */
export const count = (amount, one, many = `${one}s`) => `${number(amount)} ${amount === 1 ? one : many}`

/** `2 h 27 min` */
export function runningTime(minutes) {
  const hours = Math.floor(minutes / 60)
  return [hours > 0 && `${hours} h`, minutes % 60 > 0 && `${minutes % 60} min`].filter(Boolean).join(" ")
}

/** `5 minutes ago`; the date, once it is more than a week. */
export function timeAgo(time) {
  const minutes = Math.max(0, Math.floor((Date.now() - Date.parse(time)) / MINUTE_MS))
  if (minutes < 1) return "just now"
  if (minutes < 60) return ago.format(-minutes, "minute")
  if (minutes < 24 * 60) return ago.format(-Math.floor(minutes / 60), "hour")
  if (minutes < 7 * 24 * 60) return ago.format(-Math.floor(minutes / 60 / 24), "day")
  return date(time)
}

/** `40 in stock`, `3 left`, `sold out` */
export function stockText(stock) {
  if (stock === 0) return "Sold out"
  return stock <= 5 ? `Only ${stock} left` : `${number(stock)} in stock`
}
