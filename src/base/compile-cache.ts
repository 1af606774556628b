// The folder where compiled sources are kept between starts, as a variable for child processes: they start sooner too. Knows no child.
import { getCompileCacheDir } from 'node:module'

/** Node's own variable for it; nothing where this process keeps none. */
export function compileCacheVariable(): Record<string, string> {
  const folder = getCompileCacheDir()
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder }
}
