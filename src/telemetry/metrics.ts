// Counters, gauges and histograms, and their text in Prometheus' exposition format 0.0.4. Knows nothing of what is counted.

/** Label names and values of one series. */
export type Labels = Readonly<Record<string, string>>

/** A number that only grows. */
export interface Counter {
  add(labels: Labels, amount?: number): void
}

/** Observations counted in buckets. */
export interface Histogram {
  observe(labels: Labels, value: number): void
}

/** One series of a gauge as it is now. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
}

/** All metrics of one server. */
export interface Metrics {
  /** `name` ends in `_total`. */
  counter(name: string, help: string): Counter
  /** `buckets` are upper bounds, rising; +Inf is added. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** A gauge, or a counter that is counted elsewhere, read when the text is made. */
  gauge(name: string, help: string, read: () => readonly Sample[], type?: 'gauge' | 'counter'): void
  /** The exposition text. */
  text(): string
}

/** Seconds, from 1 ms to 10 minutes: for latencies. */
export const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600]

/** Tokens, from 1 to 131,072. */
export const tokenBuckets = [1, 4, 16, 64, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072]

/** An empty set of metrics. */
export function createMetrics(): Metrics {
  const families: (() => string)[] = []
  const family = (type: string, name: string, help: string, lines: () => readonly string[]) => {
    families.push(() => [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...lines()].join('\n'))
  }
  return {
    counter(name, help) {
      const series = new Map<string, number>()
      family('counter', name, help, () => [...series].map(([labels, value]) => `${name}${labels} ${value}`))
      return {
        add(labels, amount = 1) {
          const key = labelText(labels)
          series.set(key, (series.get(key) ?? 0) + amount)
        },
      }
    },
    histogram(name, help, buckets) {
      const series = new Map<string, Observed>()
      family('histogram', name, help, () => [...series.values()].flatMap((one) => histogramLines(name, buckets, one)))
      return {
        observe(labels, value) {
          const key = labelText(labels)
          const one = series.get(key) ?? { labels, counts: buckets.map(() => 0), sum: 0, count: 0 }
          series.set(key, one)
          const bucket = buckets.findIndex((bound) => value <= bound)
          if (bucket >= 0) one.counts[bucket] = (one.counts[bucket] ?? 0) + 1
          one.sum += value
          one.count += 1
        },
      }
    },
    gauge(name, help, read, type = 'gauge') {
      family(type, name, help, () => read().map(({ labels, value }) => `${name}${labelText(labels)} ${value}`))
    },
    text: () => `${families.map((lines) => lines()).join('\n')}\n`,
  }
}

interface Observed {
  readonly labels: Labels
  /** Observations per bucket, not yet cumulated. */
  readonly counts: number[]
  sum: number
  count: number
}

function histogramLines(name: string, buckets: readonly number[], { labels, counts, sum, count }: Observed): string[] {
  let cumulated = 0
  const lines = buckets.map((bound, index) => {
    cumulated += counts[index] ?? 0
    return `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${cumulated}`
  })
  const plain = labelText(labels)
  return [
    ...lines,
    `${name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`,
    `${name}_sum${plain} ${sum}`,
    `${name}_count${plain} ${count}`,
  ]
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

const escapeValue = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
