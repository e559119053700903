/** What the engine needs in the database beside tables: plain SQL that drizzle-kit doesn't write. */
export const engineObjects = [
  "INSERT INTO _meta (key, value) VALUES ('epoch', printf('%012x', CAST(unixepoch('subsec') * 1000 AS INTEGER)) || lower(hex(randomblob(10))))",
] as const
