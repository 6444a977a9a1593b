// How long a test waits for what has to come.

/** How long a page or an answer may take, in milliseconds: machines that run tests are slow. */
export const PATIENCE = 60_000

/** Asks again and again until the answer is the expected one; in vain, the last answer. */
export async function eventually(ask, expected, patience = PATIENCE) {
  const end = Date.now() + patience
  for (;;) {
    const answer = await ask()
    if (answer === expected || Date.now() > end) return answer
    await new Promise((next) => setTimeout(next, 100))
  }
}
