/** `selvedge/tables`: what a schema file needs beside Drizzle itself. */

export { bigint, recordColumns } from "./schema/record-columns.ts"
export { newId } from "./schema/record-id.ts"
export { users } from "./schema/users-table.ts"
