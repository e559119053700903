/** What wrangler and the test runner make of an import of the file beside this one. */
declare const commonPasswords: string
export default commonPasswords
