// Mistral's list prices, entered by hand: figures per million tokens with their source and the day they were read. Data only.

/** Where a figure was read, and when (`YYYY-MM-DD`). */
export interface Source {
  readonly source: string
  readonly sourcedOn: string
}

/** Mistral's own documentation: right wherever another list differs. */
const documentation: Source = {
  source: 'mistralai/platform-docs-public, src/schema/models/models, commit 222f4ba9114f (Apache-2.0)',
  sourcedOn: '2026-08-21',
}

/** Rows with dates, and models younger than the documentation. */
const dated: Source = { source: 'pydantic/genai-prices 0.2.3 (MIT), its rows for Mistral', sourcedOn: '2026-11-23' }

/** The families as they were sold in March 2026. */
const march: Source = { source: 'list of March 2026, by family', sourcedOn: '2026-03-31' }

/** One row: input and output in USD, and what differs from the rule that cached input costs a tenth of input. */
export interface ListRow extends Source {
  readonly model: string
  /** The day from which it holds, UTC; absent where it always did. */
  readonly from?: string
  readonly usd: readonly [input: number, output: number, cached?: number]
  readonly eur?: readonly [input: number, output: number, cached?: number]
}

/** Input, output and cached input per million tokens. Cached input is a tenth of input unless it is given (the documentation's rule). */
export const mistralRows: readonly ListRow[] = [
  { model: 'codestral', from: '2026-03-01', usd: [0.2, 0.6], ...march },
  { model: 'codestral-2501', usd: [0.3, 0.9], eur: [0.26, 0.79], ...documentation },
  { model: 'codestral-2508', usd: [0.3, 0.9], eur: [0.26, 0.79], ...documentation },
  { model: 'codestral-embed-2505', usd: [0.15, 0], eur: [0.15, 0], ...documentation },
  { model: 'deepseek-v4-1-flash-1017', usd: [0.3, 1.2, 0.007], ...dated },
  { model: 'devstral-2512', usd: [0.4, 2], eur: [0.35, 1.75], ...documentation },
  { model: 'devstral-medium-2507', usd: [0.4, 2], ...documentation },
  { model: 'devstral-small-2505', usd: [0.1, 0.3], ...documentation },
  { model: 'devstral-small-2507', usd: [0.1, 0.3], ...documentation },
  { model: 'labs-devstral-small-2512', usd: [0.1, 0.3], eur: [0.088, 0.26], ...documentation },
  { model: 'labs-leanstral-1-5', usd: [0, 0], ...documentation },
  { model: 'labs-leanstral-2603', usd: [0, 0], ...documentation },
  { model: 'labs-mistral-small-creative', usd: [0.1, 0.3], eur: [0.1, 0.3], ...documentation },
  { model: 'magistral-medium-2506', usd: [2, 5], ...documentation },
  { model: 'magistral-medium-2507', usd: [2, 5], ...documentation },
  { model: 'magistral-medium-2509', usd: [2, 5], eur: [1.75, 4.38], ...documentation },
  { model: 'magistral-small-2506', usd: [0.5, 1.5], ...documentation },
  { model: 'magistral-small-2507', usd: [0.5, 1.5], ...documentation },
  { model: 'magistral-small-2509', usd: [0.5, 1.5], eur: [0.44, 1.31], ...documentation },
  { model: 'ministral-14b-2512', usd: [0.2, 0.2], eur: [0.18, 0.18], ...documentation },
  { model: 'ministral-3b-2410', usd: [0.04, 0.04], ...documentation },
  { model: 'ministral-3b-2512', usd: [0.1, 0.1], eur: [0.088, 0.088], ...documentation },
  { model: 'ministral-8b-2410', usd: [0.1, 0.1], ...documentation },
  { model: 'ministral-8b-2512', usd: [0.15, 0.15], eur: [0.13, 0.13], ...documentation },
  { model: 'mistral-embed-2312', usd: [0.1, 0], eur: [0.1, 0], ...documentation },
  { model: 'mistral-large', from: '2026-03-01', usd: [2, 6], ...march },
  { model: 'mistral-large-2411', usd: [2, 6], ...documentation },
  { model: 'mistral-large-2512', usd: [0.5, 1.5], eur: [0.44, 1.3], ...documentation },
  { model: 'mistral-large-4', usd: [0.68, 2.09, 0.07], ...dated },
  { model: 'mistral-large-4', from: '2026-10-20', usd: [1.36, 4.18, 0.14], ...dated },
  { model: 'mistral-large-4', from: '2026-10-29', usd: [0.7, 2.1, 0.07], ...dated },
  { model: 'mistral-medium', from: '2026-03-01', usd: [0.4, 2], ...march },
  { model: 'mistral-medium-2312', usd: [2.7, 8.1], ...dated },
  { model: 'mistral-medium-2505', usd: [0.4, 2], eur: [0.4, 2], ...documentation },
  { model: 'mistral-medium-2508', usd: [0.4, 2], ...documentation },
  { model: 'mistral-medium-3-5', usd: [1.5, 7.5], eur: [1.25, 6.4], ...documentation },
  { model: 'mistral-moderation-2411', usd: [0.1, 0], ...documentation },
  { model: 'mistral-small', from: '2026-03-01', usd: [0.2, 0.6], ...march },
  { model: 'mistral-small-2409', usd: [0.1, 0.3], ...documentation },
  { model: 'mistral-small-2501', usd: [0.1, 0.3], ...documentation },
  { model: 'mistral-small-2503', usd: [0.1, 0.3], ...documentation },
  { model: 'mistral-small-2506', usd: [0.1, 0.3], eur: [0.1, 0.3], ...documentation },
  { model: 'mistral-small-2603', usd: [0.15, 0.6], eur: [0.12, 0.5], ...documentation },
  { model: 'mistral-tiny', usd: [0.25, 0.25], ...dated },
  { model: 'open-mistral-7b', usd: [0.25, 0.25], ...dated },
  { model: 'open-mistral-nemo-2407', usd: [0.15, 0.15], eur: [0.15, 0.15], ...documentation },
  { model: 'open-mixtral-8x22b', usd: [2, 6], ...dated },
  { model: 'open-mixtral-8x22b', from: '2026-03-01', usd: [1.2, 1.2], ...march },
  { model: 'open-mixtral-8x7b', usd: [0.7, 0.7], ...dated },
  { model: 'pixtral-12b-2409', usd: [0.15, 0.15], eur: [0.13, 0.13], ...documentation },
  { model: 'pixtral-large-2411', usd: [2, 6], ...documentation },
  { model: 'voxtral-mini-2507', usd: [0.04, 0.04], eur: [0.03, 0.04], ...documentation },
  { model: 'voxtral-small-2507', usd: [0.1, 0.3], ...dated },
  { model: 'voxtral-small-2507', from: '2026-08-11', usd: [0.1, 0.4], eur: [0.088, 0.35], ...documentation },
  { model: 'zai-glm-5-2', usd: [1.4, 4.4], eur: [1.19, 3.74], ...documentation },
  { model: 'zai-glm-5-3', usd: [1.4, 4.4], ...dated },
  { model: 'zai-glm-5-3-flash', usd: [0.15, 0.5, 0.03], ...dated },
]

/** Another name of a model: for good, or for a while where a name that moves pointed to several. */
export interface Alias {
  readonly alias: string
  readonly model: string
  /** The day from which it points there, UTC; absent where it always did. */
  readonly from?: string
}

/** Names that Mistral's API takes besides a model's own. A moving one is dated by the release of the model it points to. */
export const mistralAliases: readonly Alias[] = [
  { alias: 'codestral-embed', model: 'codestral-embed-2505' },
  { alias: 'codestral-latest', model: 'codestral-2501' },
  { alias: 'codestral-latest', model: 'codestral-2508', from: '2025-07-30' },
  { alias: 'devstral-latest', model: 'devstral-2512' },
  { alias: 'devstral-medium-latest', model: 'devstral-medium-2507' },
  { alias: 'devstral-medium-latest', model: 'devstral-2512', from: '2025-12-09' },
  { alias: 'devstral-small-latest', model: 'devstral-small-2505' },
  { alias: 'devstral-small-latest', model: 'devstral-small-2507', from: '2025-07-10' },
  { alias: 'devstral-small-latest', model: 'labs-devstral-small-2512', from: '2025-12-09' },
  { alias: 'magistral-medium-latest', model: 'magistral-medium-2506' },
  { alias: 'magistral-medium-latest', model: 'magistral-medium-2507', from: '2025-07-24' },
  { alias: 'magistral-medium-latest', model: 'magistral-medium-2509', from: '2025-09-18' },
  { alias: 'magistral-small-latest', model: 'magistral-small-2506' },
  { alias: 'magistral-small-latest', model: 'magistral-small-2507', from: '2025-07-24' },
  { alias: 'magistral-small-latest', model: 'magistral-small-2509', from: '2025-09-18' },
  { alias: 'ministral-14b-latest', model: 'ministral-14b-2512' },
  { alias: 'ministral-3b-latest', model: 'ministral-3b-2410' },
  { alias: 'ministral-3b-latest', model: 'ministral-3b-2512', from: '2025-12-02' },
  { alias: 'ministral-8b-latest', model: 'ministral-8b-2410' },
  { alias: 'ministral-8b-latest', model: 'ministral-8b-2512', from: '2025-12-02' },
  { alias: 'mistral-7b', model: 'open-mistral-7b' },
  { alias: 'mistral-embed', model: 'mistral-embed-2312' },
  { alias: 'mistral-large-4-0', model: 'mistral-large-4' },
  { alias: 'mistral-large-latest', model: 'mistral-large-2411' },
  { alias: 'mistral-large-latest', model: 'mistral-large-2512', from: '2025-12-02' },
  { alias: 'mistral-medium-2604', model: 'mistral-medium-3-5' },
  { alias: 'mistral-medium-3', model: 'mistral-medium-3-5' },
  { alias: 'mistral-medium-3.5', model: 'mistral-medium-3-5' },
  { alias: 'mistral-medium-latest', model: 'mistral-medium-2505' },
  { alias: 'mistral-medium-latest', model: 'mistral-medium-2508', from: '2025-08-12' },
  { alias: 'mistral-medium-latest', model: 'mistral-medium-3-5', from: '2026-06-16' },
  { alias: 'mistral-nemo', model: 'open-mistral-nemo-2407' },
  { alias: 'mistral-small-latest', model: 'mistral-small-2501' },
  { alias: 'mistral-small-latest', model: 'mistral-small-2503', from: '2025-03-17' },
  { alias: 'mistral-small-latest', model: 'mistral-small-2506', from: '2025-06-20' },
  { alias: 'mistral-small-latest', model: 'mistral-small-2603', from: '2026-03-16' },
  { alias: 'mixtral-8x22b', model: 'open-mixtral-8x22b' },
  { alias: 'mixtral-8x7b', model: 'open-mixtral-8x7b' },
  { alias: 'open-mistral-nemo', model: 'open-mistral-nemo-2407' },
  { alias: 'pixtral-12b', model: 'pixtral-12b-2409' },
  { alias: 'pixtral-12b-latest', model: 'pixtral-12b-2409' },
  { alias: 'pixtral-large-latest', model: 'pixtral-large-2411' },
  { alias: 'voxtral-mini-latest', model: 'voxtral-mini-2507' },
  { alias: 'voxtral-small-24b-2507', model: 'voxtral-small-2507' },
  { alias: 'voxtral-small-latest', model: 'voxtral-small-2507' },
]
