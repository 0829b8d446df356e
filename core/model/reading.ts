/**
 * Reading what callers give: getters and proxies are the caller's code, and may throw anything.
 *
 * Knows no error of its own: the reader says which pass as they are, and what the others mean.
 */

/** What is wrong with a value whose code threw, as the predicate of a sentence. */
export const unreadable = "cannot be read: it threw an error"

/** What `read` gives. What it throws passes where it is one of ours; else `refusal` is thrown. */
export const reading = <A>(
  read: () => A,
  isOurs: (thrown: unknown) => boolean,
  refusal: (cause: unknown) => Error,
): A => {
  try {
    return read()
  } catch (thrown) {
    throw isOurs(thrown) ? thrown : refusal(thrown)
  }
}
