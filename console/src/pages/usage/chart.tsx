// Usage as stacked bars, a day each. The table under it says the same in figures.
import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import type { Chart } from './series.ts'

interface UsageChartProps {
  readonly chart: Chart
  readonly label: string
  name(group: string): string
  figure(value: number): string
  day(start: string): string
}

/** Draws it. */
export function UsageChart({ chart, label, name, figure, day }: UsageChartProps) {
  const rows = chart.days.map(({ day: start, values }) => ({ start, ...values }))
  return (
    <figure aria-label={label} className="h-72 p-4">
      <ResponsiveContainer width="100%" height="100%">
        <BarChart data={rows} maxBarSize={48} accessibilityLayer>
          <CartesianGrid vertical={false} stroke="var(--line)" />
          <XAxis dataKey="start" tickFormatter={day} stroke="var(--muted)" fontSize={12} tickLine={false} />
          <YAxis
            tickFormatter={figure}
            stroke="var(--muted)"
            fontSize={12}
            tickLine={false}
            axisLine={false}
            width={70}
          />
          <Tooltip
            formatter={(value, group) => [figure(Number(value)), name(String(group))]}
            labelFormatter={(start) => day(String(start))}
            contentStyle={{ background: 'var(--surface)', border: '1px solid var(--line)', borderRadius: 8 }}
            cursor={{ fill: 'var(--raised)' }}
          />
          <Legend formatter={(group) => name(String(group))} />
          {chart.groups.map((group, index) => (
            <Bar
              key={group}
              dataKey={group}
              stackId="all"
              fill={`var(--series-${(index % 6) + 1})`}
              isAnimationActive={false}
            />
          ))}
        </BarChart>
      </ResponsiveContainer>
    </figure>
  )
}
