/** What must and must not compile of a client; `npm run types` is the test. */

import {
  anyone,
  channel,
  collection,
  defineBackend,
  endpoint,
  many,
  nobody,
  one,
  type Router,
  signedIn,
} from "selvedge"
import { type Client, createClient, isProblem } from "selvedge/client"
import { users } from "selvedge/tables"
import * as z from "zod"
import type { backend as shop } from "../../app/backend.ts"
import type { backend as fixture } from "../fixture/backend.ts"
import * as tables from "../fixture/schema.ts"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
/** Compiles where the two are the same type. */
function same<A, B>(_: Equal<A, B>): void {}

const client = createClient<typeof shop>("https://api.example.net")
const other = createClient<typeof fixture>("https://api.example.net", { storage: "memory" })

export async function records(signal: AbortSignal) {
  const { data, page } = await client.films.list({ genre: "Drama", rating: { gte: 8 }, limit: 20 }, { signal })
  page.next satisfies string | null
  const film = data[0]!
  same<(typeof film)["title"], string>(true)
  same<(typeof film)["year"], number | null>(true)
  same<(typeof film)["createdAt"], string>(true)
  for await (const { id } of client.films.list()) id satisfies string
  const order = await client.orders.get("1")
  same<(typeof order)["state"], "pending" | "paid" | "failed">(true)
  // @ts-expect-error a record has no such field
  film.titel
  // @ts-expect-error there is no such collection
  client.movies
}

export async function values() {
  const note = await other.notes.get("1")
  same<(typeof note)["dueAt"], string | null>(true)
  same<(typeof note)["big"], string | null>(true)
  same<(typeof note)["tags"], (string | number | boolean)[] | null>(true)
  // @ts-expect-error nobody may read it
  note.secret
}

export function filters() {
  client.films.list({ genre: { in: ["Drama", "War"] }, title: { startsWith: "A" }, year: null })
  client.films.list({ filter: { or: [{ rating: { gte: 9 } }, { not: { genre: "War" } }] } })
  client.films.list({
    filter: { director: { name: "Lang" }, reviews: { some: { stars: 5, author: { name: "Ada" } } } },
  })
  client.films.list({ genre: undefined, sort: undefined, after: undefined })
  client.films.count({ director: undefined } as Record<never, never>)
  other.notes.list({ dueAt: { lt: new Date(0) }, big: { gt: 5n }, tags: { has: "x" } })
  other.notes.list({ dueAt: { lt: "2026-01-01T00:00:00Z" } })
  // @ts-expect-error a misspelt field
  client.films.list({ gnere: "Drama", limit: 5 })
  // @ts-expect-error a year is a number
  client.films.list({ year: "1999" })
  // @ts-expect-error text has no operator of that name
  client.films.list({ title: { like: "x" } })
  // @ts-expect-error a misspelt field in a filter
  client.films.list({ filter: { titel: "x" } })
  // @ts-expect-error a misspelt field in a part of a filter
  client.films.list({ filter: { or: [{ titel: "x" }] } })
  // @ts-expect-error a misspelt field of a related record
  client.films.list({ filter: { director: { nmae: "x" } } })
  // @ts-expect-error to many there is some, none and every
  client.films.list({ filter: { reviews: { stars: 5 } } })
  // @ts-expect-error the relation doesn't show it
  client.reviews.list({ filter: { author: { email: "x" } } })
  // @ts-expect-error nobody may read it
  other.notes.list({ secret: "x" })
  // @ts-expect-error a list has no such parameter
  client.films.list({ offset: 20 })
}

export function sorts() {
  client.films.list({ sort: "-rating,title" })
  client.films.list({ sort: "rating,-title" })
  client.films.list({ sort: "-rating" })
  client.films.list({ sort: "rating" })
  other.notes.list({ sort: "-dueAt,rank" })
  // @ts-expect-error an order that isn't declared
  client.films.list({ sort: "votes" })
  // @ts-expect-error half of it is turned round
  client.films.list({ sort: "-rating,-title" })
  // @ts-expect-error the collection declares none
  other.members.list({ sort: "userId" })
}

export async function selections() {
  const [short] = (await client.films.list({ fields: ["id", "title", "director.name"] })).data
  same<typeof short, { id: string; title: string; director: { name: string } | null } | undefined>(true)

  const review = await client.reviews.get("1", { expand: ["film.director", "author"] })
  same<typeof review.author, { id: string; name: string | null } | null>(true)
  review.stars satisfies number
  review.film?.priceCents satisfies number | undefined
  review.film?.director?.name satisfies string | undefined
  // @ts-expect-error the query doesn't ask for it
  review.film?.reviews

  const film = await client.films.get("1", { fields: ["title", "reviews.stars"], expand: ["reviews.author"] })
  same<
    typeof film,
    { title: string; reviews: { stars: number; author: { id: string; name: string | null } | null }[] }
  >(true)
  const note = await other.notes.get("1", { expand: ["project"] })
  same<typeof note.project, { id: string; name: string; open: boolean } | null>(true)

  // @ts-expect-error the query doesn't name it
  short.year
  // @ts-expect-error there is no such field
  client.films.list({ fields: ["id", "titel"] })
  // @ts-expect-error there is no such field of the related record
  client.films.list({ fields: ["director.nmae"] })
  // @ts-expect-error there is no such relation
  client.films.get("1", { expand: ["author"] })
  // @ts-expect-error two levels are the most
  client.films.get("1", { expand: ["reviews.film.director"] })
  // @ts-expect-error one record has no order
  client.films.get("1", { sort: "title" })
  // @ts-expect-error a relation that declares its fields leads no further
  other.notes.get("1", { expand: ["project.team"] })
}

export async function aggregates() {
  const [row] = await client.films.aggregate({
    aggregate: ["count", "avg(rating)", "max(title)", "sum(stock)"],
    group: ["genre"],
    rating: { gte: 5 },
  })
  same<
    typeof row,
    | {
        group: { genre: string | null }
        count: number
        avg: { rating: number | null }
        max: { title: string | null }
        sum: { stock: number }
      }
    | undefined
  >(true)
  // @ts-expect-error text has no average
  client.films.aggregate({ aggregate: ["avg(title)"] })
  // @ts-expect-error there is no such field
  client.films.aggregate({ aggregate: ["count"], group: ["gnere"] })
  // @ts-expect-error it wasn't asked for
  row?.min
}

export async function writes() {
  const film = await client.films.create({ title: "M", priceCents: 999, stock: 3 })
  film.year satisfies number | null
  await client.films.create({ id: "0199", title: "M", priceCents: 999, stock: 3, year: null, genre: "Drama" })
  await client.films.update(film, { stock: 2 })
  await client.films.update("1", { genre: null })
  await client.films.replace(film, film)
  await client.films.delete(film)
  await client.reviews.create({ filmId: film.id, stars: 5 })
  await other.notes.create({ title: "x", dueAt: "2026-01-01T00:00:00Z", big: "1", secret: "s" })
  // @ts-expect-error a title and a stock are required
  await client.films.create({ priceCents: 999 })
  // @ts-expect-error a field is of another type
  await client.films.create({ title: 5, priceCents: 999, stock: 3 })
  // @ts-expect-error a misspelt field
  await client.films.update(film, { stcok: 2 })
  // @ts-expect-error the server sets it
  await client.films.update(film, { version: 2 })
  // @ts-expect-error the server stamps it
  await client.reviews.create({ filmId: film.id, stars: 5, authorId: "1" })
  // @ts-expect-error it can't be changed any more
  await client.reviews.update("1", { filmId: film.id })
  // @ts-expect-error nobody writes it
  await other.notes.create({ title: "x", token: "t" })
}

export async function batches() {
  const results = await client.batch((to) => [
    to.films.create({ title: "M", priceCents: 999, stock: 3 }),
    to.reviews.update("1", { stars: 4 }),
    to.cart.delete("1"),
  ])
  results[0].title satisfies string
  results[1].stars satisfies number
  same<(typeof results)[2], undefined>(true)
  const many = await client.batch((to) => ["1", "2"].map((id) => to.films.update(id, { stock: 0 })))
  many[0]?.title satisfies string | undefined
  // @ts-expect-error there is no such field
  client.batch((to) => [to.films.update("1", { stcok: 4 })])
  // @ts-expect-error there is no such collection
  client.batch((to) => [to.movies.delete("1")])
  // @ts-expect-error there were three
  results[3]
}

export function liveLists() {
  const end = client.films.live({ genre: "Drama", sort: "-rating", fields: ["id", "title"] }, (films, state) => {
    same<(typeof films)[number], { id: string; title: string }>(true)
    state.status satisfies string
  })
  end()
  client.directors.watch({ sort: "name" }).get().data[0]?.name satisfies string | undefined
  // @ts-expect-error directors aren't live
  client.directors.live({}, () => undefined)
  // @ts-expect-error a live list has no search
  client.films.live({ q: "x" }, () => undefined)
}

export async function channels(id: string) {
  const room = client.channel(`room:${id}`, { presence: { seat: "A1" } })
  await room.publish("message", { text: "Hello" })
  const message = room.get().messages[0]!
  same<typeof message.data, { text: string }>(true)
  // @ts-expect-error there is no such event
  room.publish("massage", { text: "Hello" })
  // @ts-expect-error a message has a text
  room.publish("message", { txt: "Hello" })
  // @ts-expect-error there is no such channel
  client.channel("lobby")
}

const stages = {
  lobby: channel("lobby", { join: signedIn }),
  game: channel("game:{id}:{table}", {
    join: anyone,
    events: { move: z.object({ to: z.string() }), over: () => z.object({ winner: z.string().nullable() }) },
  }),
}
const collections = {
  projects: collection(tables.projects, { access: { read: anyone }, relations: { notes: many(tables.notes) } }),
  notes: collection(tables.notes, {
    access: { read: anyone },
    fields: { secret: { read: nobody, write: nobody }, source: { immutable: true } },
    relations: { project: one(tables.projects), owner: one(users, { fields: ["name"] }) },
    live: true,
  }),
}
function routes(app: Router<typeof collections>) {
  const rename = endpoint({
    summary: "Rename a note",
    access: signedIn,
    body: z.strictObject({ title: z.string(), loud: z.boolean().default(false) }),
    query: z.object({ notify: z.enum(["yes", "no"]).optional() }),
    answer: { status: 200, description: "The note" },
  })
  const find = endpoint({
    summary: "Find notes",
    access: anyone,
    query: z.object({ text: z.string() }),
    answer: { status: 200, description: "Notes" },
  })
  const touch = endpoint({ summary: "Touch it", access: anyone, answer: { status: 204, description: "Done" } })
  return app
    .post("/v1/notes/:id/rename", rename, (c) => {
      const { title } = c.req.valid("json")
      if (title === "") return c.json({ fault: true }, 409)
      return c.json({ id: c.req.param("id"), at: new Date(), title })
    })
    .get("/v1/find", find, (c) => c.json([c.req.valid("query").text]))
    .delete("/v1/projects/:project/notes/:note", touch, (c) => c.body(null, 204))
    .get("/v1/raw", (c) => c.json({ pages: 3 }, 200))
}
const backend = defineBackend({ tables, collections, channels: stages, routes })
const third = createClient<typeof backend>()

export async function ownRoutes(id: string, key: string) {
  const order = await client.request("POST", "/v1/checkout", { body: {}, key })
  same<typeof order.state, "pending">(true)
  order.items[0]?.title satisfies string | undefined

  const renamed = await third.request("POST", "/v1/notes/:id/rename", { params: { id }, body: { title: "x" }, key })
  same<typeof renamed, { id: string; at: string; title: string }>(true)
  const again = await third.request("POST", `/v1/notes/${id}/rename`, { body: { title: "x" }, query: { notify: "no" } })
  again.title satisfies string
  same<Awaited<ReturnType<typeof find>>, string[]>(true)
  const find = () => third.request("GET", "/v1/find", { query: { text: "x" } })
  const gone = await third.request("DELETE", "/v1/projects/:project/notes/:note", {
    params: { project: "1", note: id },
  })
  same<typeof gone, undefined>(true)
  ;(await third.request("GET", "/v1/raw")).pages satisfies number
  same<Awaited<ReturnType<typeof stats>>, unknown>(true)
  const stats = () => client.request("GET", "/v1/admin/stats", { query: { days: 3 } })

  // @ts-expect-error there is no such route
  client.request("POST", "/v1/chekout", { body: {} })
  // @ts-expect-error it takes another method
  client.request("GET", "/v1/checkout")
  // @ts-expect-error it takes a body
  client.request("POST", "/v1/checkout")
  // @ts-expect-error it takes no such field
  client.request("POST", "/v1/checkout", { body: { filmId: "1" } })
  // @ts-expect-error a parameter is missing
  third.request("POST", "/v1/notes/:id/rename", { body: { title: "x" } })
  // @ts-expect-error the parameter has another name
  third.request("POST", "/v1/notes/:id/rename", { params: { note: id }, body: { title: "x" } })
  // @ts-expect-error a field of the body is misspelt
  third.request("POST", `/v1/notes/${id}/rename`, { body: { titel: "x" } })
  // @ts-expect-error the query is required
  third.request("GET", "/v1/find")
  // @ts-expect-error the query takes yes or no
  third.request("POST", `/v1/notes/${id}/rename`, { body: { title: "x" }, query: { notify: "maybe" } })
}

export async function ownBackend() {
  third.channel("lobby").publish("anything", { of: "JSON" })
  const game = third.channel("game:1:a")
  game.publish("over", { winner: null })
  const [message] = game.get().messages
  if (message?.event === "over") message.data.winner satisfies string | null
  // @ts-expect-error the data is of another event
  game.publish("move", { winner: null })
  const note = await third.notes.get("1", { expand: ["project.notes", "owner"] })
  same<typeof note.owner, { name: string | null } | null>(true)
  note.project?.notes[0]?.title satisfies string | undefined
  // @ts-expect-error nobody may read it, through relations neither
  note.project?.notes[0]?.secret
}

export async function withoutTypes(untyped: Client) {
  const plain = createClient("https://api.example.net")
  plain satisfies Client
  const { data } = await untyped.films!.list({ anything: "x", sort: "-rating", fields: ["a"], expand: ["b.c"] })
  data[0]?.title satisfies string
  data[0]?.version satisfies number | undefined
  await untyped.films!.create({ any: ["thing"] })
  const [row] = await untyped.films!.aggregate({ aggregate: ["count"], group: ["genre"] })
  row?.count satisfies number
  untyped.films!.live({ genre: "x" }, (films) => films[0]?.title satisfies string)
  untyped.channel("anything").publish("any", 1)
  await untyped.batch((to) => [to.films!.create({ title: "M" }), to.films!.delete("1")])
  const answer = await untyped.request("POST", "/v1/anything", { body: { any: 1 }, query: { a: 1 }, key: "k" })
  same<typeof answer, unknown>(true)
  untyped.auth.user?.email satisfies string | null | undefined
  untyped.status.get().pending satisfies number
  untyped.auth.signIn({ email: "", password: "" }).catch((error) => isProblem(error, "invalid_credentials"))
  // @ts-expect-error a password is needed
  untyped.auth.signIn({ email: "" })
}
