/**
 * The passwords that are guessed first: `common-passwords.txt`, the 3,300 most frequent ones of 8 or more characters, in
 * lower case and in the order of @zxcvbn-ts/language-common 4.1.3 (MIT, see common-passwords.LICENSE).
 */

/** Split at its first use. */
export type CommonPasswords = () => ReadonlySet<string>

export function commonPasswords(text: string): CommonPasswords {
  let passwords: ReadonlySet<string> | undefined
  return () => {
    passwords ??= new Set(text.trim().split(/\s+/))
    return passwords
  }
}
