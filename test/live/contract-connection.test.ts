import { expect, test } from "vitest"
import { call, create, list } from "./people.ts"

test("writes and lists", async () => {
  const film = await create("films", { title: "Alien" })
  expect((await call("GET", `/v1/films/${film.id}`)).body).toMatchObject({ title: "Alien" })
  expect((await list("/v1/films")).length).toBe(1)
})
