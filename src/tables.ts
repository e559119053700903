/** `selvedge/tables`: what a schema file needs beside Drizzle itself. */

export { bigint, newId, recordColumns } from "./schema/record-columns.ts"
export { users } from "./schema/users-table.ts"
