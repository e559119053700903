/** A migration that isn't written: the message says where, why, and what to do instead. */

export class Refusal extends Error {
  constructor(place: string, fault: string, mend: string) {
    super(`${place}: ${fault}; ${mend}`)
    this.name = "Refusal"
  }
}
