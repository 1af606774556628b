// How models that are loaded share the cores' threads. Pure.

/**
 * What each may use of the threads that were planned for it, so that all together use no more than `total`: ggml's barriers spin, and a thread
 * too many costs more than it gives (engine notes, G1). Those with the most give first; one thread is left to each.
 */
export function sharedThreads(planned: readonly number[], total: number): readonly number[] {
  const shares = [...planned]
  for (let sum = shares.reduce((all, one) => all + one, 0); sum > total; sum -= 1) {
    const most = Math.max(...shares)
    if (most <= 1) break
    shares[shares.lastIndexOf(most)] = most - 1
  }
  return shares
}
