// How much a rule may cost to compile and to follow. Rules come from callers: everything here bounds hostile input.

/**
 * llguidance's own fuel (`ParserLimits`, speeds as its authors state for native code). `verbose_errors` off keeps prompts and answers out of messages.
 * Lexer states cost 1–2 kB each and are never given back, hence fewer than its default of 250,000.
 */
export const parserLimits = {
  max_items_in_row: 2_000,
  initial_lexer_fuel: 1_000_000,
  step_lexer_fuel: 200_000,
  step_max_items: 50_000,
  max_lexer_states: 50_000,
  max_grammar_size: 500_000,
  precompute_large_lexemes: true,
  verbose_errors: false,
} as const

/** Bounds on a rule before anything reads it, on the compile, and on what is kept. */
export const guidanceLimits = {
  /** UTF-8 bytes of a rule. The largest of the 300 benchmark schemas has 60 kB. */
  ruleBytes: 512 * 1024,
  /** Nesting of a schema; serde_json stops at 128. */
  schemaDepth: 100,
  /** Places in a schema that hold a `$ref`. */
  schemaReferences: 5_000,
  /** Milliseconds of one compile in the thread where it may be stopped. */
  compileMs: 1_000,
  /**
   * A rule that took so long there is not compiled again where answers are made, which would stall them all; the memory it was compiled in
   * is copied instead (about 20 ms). The 300 benchmark schemas: 3 ms at the median, 87 ms at p99.
   */
  costlyMs: 30,
  /** Rules kept with a memory of their own, tens of megabytes each. */
  costlyGrammars: 4,
  /** Milliseconds of reading a schema with Ajv, and of one answer's validation. */
  validationMs: 1_000,
  /** Megabytes of the heap that Ajv may fill. */
  validationHeapMegabytes: 256,
  /** A thread that had nothing to do for this long is ended: it holds a copy of the vocabulary. */
  idleMs: 60_000,
  /** Compiled grammars kept for the next request with the same rule. */
  cachedGrammars: 64,
  /** An instance that grew by this much is replaced, because WebAssembly memory never shrinks. */
  growthBytes: 256 * 1024 * 1024,
} as const
