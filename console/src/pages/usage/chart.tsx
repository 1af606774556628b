// Usage as stacked bars, a day each. A bar opens the calls that it counts; for the keyboard the table under it says and opens the same.
import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import type { Chart } from './series.ts'

interface UsageChartProps {
  readonly chart: Chart
  readonly label: string
  name(group: string): string
  figure(value: number): string
  /** A day on the axis, where there is little room. */
  tick(start: string): string
  day(start: string): string
  /** Opens the calls of a day and a group. */
  open(start: string, group: string): void
}

const axis = { stroke: 'var(--muted)', fontSize: 12, tickLine: false } as const

/** Draws it. */
export function UsageChart({ chart, label, name, figure, tick, day, open }: UsageChartProps) {
  const rows = chart.days.map(({ day: start, values }) => ({ start, ...values }))
  return (
    <figure aria-label={label} className="h-80 p-4 text-sm">
      <ResponsiveContainer width="100%" height="100%">
        <BarChart data={rows} maxBarSize={48} accessibilityLayer>
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis dataKey="start" tickFormatter={tick} minTickGap={24} {...axis} />
          <YAxis tickFormatter={figure} axisLine={false} width={70} {...axis} />
          <Tooltip
            formatter={(value, group) => [figure(Number(value)), name(String(group))]}
            labelFormatter={(start) => day(String(start))}
            contentStyle={{ background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 8 }}
            cursor={{ fill: 'var(--raised)' }}
          />
          {/* The order in which they are stacked. */}
          <Legend
            itemSorter={null}
            wrapperStyle={{ paddingTop: 8 }}
            formatter={(group) => <span className="text-ink">{name(String(group))}</span>}
          />
          {chart.groups.map((group, index) => (
            <Bar
              key={group}
              dataKey={group}
              stackId="all"
              fill={`var(--series-${(index % 6) + 1})`}
              isAnimationActive={false}
              cursor="pointer"
              onClick={(bar) => open((bar.payload as { readonly start: string }).start, group)}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </figure>
  )
}
