// Joins class names; what is false or absent is left out.

/** `join('a', active && 'b')`. */
export function join(...names: readonly (string | false | undefined)[]): string {
  return names.filter((name) => name !== false && name !== undefined && name !== '').join(' ')
}
