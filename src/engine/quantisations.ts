// The quantisations that the engine can make: their names, llama.h's numbers for them, and which one a file has.

import type { ModelHeader } from './header-types.ts'

/** `enum llama_ftype` of llama.cpp v0.5.0, by the names people use. */
const fileTypes: Readonly<Record<string, number>> = {
  F32: 0,
  F16: 1,
  BF16: 32,
  Q8_0: 7,
  Q6_K: 18,
  Q5_K_M: 17,
  Q5_K_S: 16,
  Q5_1: 9,
  Q5_0: 8,
  Q4_K_M: 15,
  Q4_K_S: 14,
  Q4_1: 3,
  Q4_0: 2,
  IQ4_NL: 25,
  IQ4_XS: 30,
  Q3_K_L: 13,
  Q3_K_M: 12,
  Q3_K_S: 11,
  IQ3_M: 27,
  IQ3_S: 26,
  IQ3_XS: 22,
  IQ3_XXS: 23,
  Q2_K: 10,
  Q2_K_S: 21,
  IQ2_M: 29,
  IQ2_S: 28,
  IQ2_XS: 20,
  IQ2_XXS: 19,
  IQ1_M: 31,
  IQ1_S: 24,
  TQ2_0: 37,
  TQ1_0: 36,
}

/** The names, from the largest to the smallest. */
export const quantisationNames: readonly string[] = Object.keys(fileTypes)

/** The number of a name in any case of letters, with its usual spelling; undefined for a name that is not known. */
export function findQuantisation(name: string): { readonly name: string; readonly number: number } | undefined {
  const wanted = name.toUpperCase()
  const number = fileTypes[wanted]
  return number === undefined ? undefined : { name: wanted, number }
}

/** What a file says it is quantised to, else the type of most of its bytes. */
export function quantisationOf({ metadata, tensors }: Pick<ModelHeader, 'metadata' | 'tensors'>): string {
  const number = metadata.get('general.file_type')
  const named = Object.entries(fileTypes).find(([, one]) => one === number)?.[0]
  if (named !== undefined) return named
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  const [most] = [...bytes].sort(([, one], [, other]) => other - one)
  return (most?.[0] ?? 'f32').toUpperCase()
}

/** Whether weights were rounded to blocks: quantising those again loses more than from the original, and no way leads back. */
export function isQuantised({ tensors }: Pick<ModelHeader, 'tensors'>): boolean {
  return tensors.some(({ type }) => !['f32', 'f16', 'bf16', 'f64', 'i8', 'i16', 'i32', 'i64'].includes(type))
}
