/** Waiting for some time, or for work but no longer than some time. */

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** @param late What comes instead when the time is over first; what the work gives or throws after that is passed over. */
export function inTime<V, L>(work: Promise<V>, ms: number, late: () => Promise<L>): Promise<V | L> {
  return new Promise((resolve, reject) => {
    // work that ends in the same moment comes first
    const timer = setTimeout(() => late().then(resolve, reject), ms)
    work.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
