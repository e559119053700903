/** What must and must not compile of the hooks; `npm run types` is the test. */

import { createClient } from "selvedge/client"
import { useChannel, useList, useRecord, useStatus, useUser } from "selvedge/react"
import type { backend } from "../../app/backend.ts"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles where the two are the same type. */
function same<A, B>(_: Equal<A, B>): void {}

const client = createClient<typeof backend>("https://api.example.net")
const untyped = createClient("https://api.example.net")

export function useLists(genre: string | undefined) {
  const films = useList(client.films, { genre: "Drama", rating: { gte: 8 }, sort: "-rating,title", limit: 20 })
  same<(typeof films.data)[number]["title"], string>(true)
  same<(typeof films.data)[number]["year"], number | null>(true)
  films.status satisfies "loading" | "live" | "offline" | "static" | "failed"
  same<typeof films.pending, ReadonlySet<string>>(true)

  const all = useList(client.films)
  same<(typeof all.data)[number]["title"], string>(true)

  const shown = useList(client.films, { fields: ["id", "title"] })
  same<(typeof shown.data)[number], { id: string; title: string }>(true)
  // @ts-expect-error the query doesn't name it
  shown.data[0]?.year

  const reviews = useList(client.reviews, { filmId: "1", expand: ["author"] })
  same<string | null | undefined, NonNullable<(typeof reviews.data)[number]["author"]>["name"] | undefined>(true)

  const waiting = useList(client.films, genre === undefined ? null : { genre, sort: "title" })
  same<(typeof waiting.data)[number]["title"], string>(true)

  // @ts-expect-error there is no such collection
  useList(client.movies)
  // @ts-expect-error a misspelt field
  useList(client.films, { gnere: "Drama" })
  // @ts-expect-error a year is a number
  useList(client.films, { year: "1999" })
  // @ts-expect-error an order that isn't declared
  useList(client.films, { sort: "votes" })
  // @ts-expect-error there is no such relation
  useList(client.films, { expand: ["author"] })
}

export function useRecords(id: string | undefined) {
  const { record, status, isPending } = useRecord(client.films, id, { expand: ["director"] })
  same<typeof isPending, boolean>(true)
  status satisfies string
  record?.title satisfies string | undefined
  record?.director?.name satisfies string | undefined
  // @ts-expect-error there is no such field
  record?.name

  const { record: short } = useRecord(client.films, "1", { fields: ["title"] })
  same<typeof short, { title: string } | undefined>(true)
  // @ts-expect-error a record has no order
  useRecord(client.films, "1", { sort: "title" })
}

export function useRest() {
  const user = useUser(client)
  user?.name satisfies string | null | undefined
  useStatus(client).pending satisfies number

  const { messages, members, publish, present } = useChannel(client, "room:42", { presence: { seat: "A1" } })
  messages[0]?.data satisfies { text: string } | undefined
  members[0]?.id satisfies string | undefined
  present({ seat: "A2" })
  publish("message", { text: "Hello" }).then(({ seq }) => seq satisfies string)
  // @ts-expect-error there is no such event
  publish("massage", { text: "Hello" })
  // @ts-expect-error a message has a text
  publish("message", { txt: "Hello" })
  // @ts-expect-error there is no such channel
  useChannel(client, "lobby")
}

/** Of a client without types everything may be asked. */
export function useUntyped() {
  const { data } = useList(untyped.films!, { genre: "Drama", sort: "-rating" })
  data[0]?.title satisfies string | undefined
  useChannel(untyped, "anything").publish("any", { text: 1 })
  useUser(untyped)
}
