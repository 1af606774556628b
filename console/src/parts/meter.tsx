// How full something is, drawn and said.
import { Meter as Base } from '@base-ui/react/meter'

/** `value` is 0 to 1; `shown` is how it is said; `calm`: being full is good. */
export function Meter({
  label,
  value,
  shown,
  calm,
}: {
  readonly label: string
  readonly value: number
  readonly shown: string
  readonly calm?: boolean
}) {
  const full = Math.min(1, Math.max(0, value))
  return (
    <Base.Root value={full * 100} aria-valuetext={shown} className="min-w-0 text-sm">
      <div className="flex justify-between text-xs">
        <Base.Label className="text-muted">{label}</Base.Label>
        <span aria-hidden className="tabular-nums">
          {shown}
        </span>
      </div>
      <Base.Track className="mt-1 h-1.5 overflow-hidden rounded-full bg-raised">
        <Base.Indicator className={`h-full ${calm !== true && full > 0.9 ? 'bg-bad' : 'bg-accent'}`} />
      </Base.Track>
    </Base.Root>
  )
}
