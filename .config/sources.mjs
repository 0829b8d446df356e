// Lets threads of the test processes load sources as they are: Vitest does so for its own thread
// alone.
//
// Does nothing on the main thread.
import { isMainThread } from "node:worker_threads"

if (!isMainThread) {
  // It would lie in temporary directories, which tests look into.
  process.env.TSX_DISABLE_CACHE = "1"
  const { register } = await import("tsx/esm/api")
  register()
}
