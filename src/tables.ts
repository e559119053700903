/** `selvedge/tables`: what a schema file needs beside Drizzle itself. */

export { users } from "./schema/engine-tables.ts"
export { bigint, newId, recordColumns } from "./schema/record-columns.ts"
