/** What the engine needs in the database beside tables: plain SQL that drizzle-kit doesn't write. */

/**
 * A write aborts its whole batch by inserting a refusal's code into `_guard`: the trigger raises it as
 * `SELVEDGE:<code>`. A guard that passes inserts no row.
 */
export const engineObjects = [
  "CREATE VIEW _guard AS SELECT NULL AS code WHERE 0",
  "CREATE TRIGGER _guard_raise INSTEAD OF INSERT ON _guard\nBEGIN\n  SELECT RAISE(ABORT, 'SELVEDGE:' || coalesce(NEW.code, 'internal'));\nEND",
  "INSERT INTO _meta (key, value) VALUES ('epoch', printf('%012x', CAST(unixepoch('subsec') * 1000 AS INTEGER)) || lower(hex(randomblob(10))))",
] as const
