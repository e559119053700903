/** What wrangler and the test runner make of an import of the file beside this one. */
declare const argon2: WebAssembly.Module
export default argon2
