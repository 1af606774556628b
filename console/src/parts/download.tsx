// Fetches a file as the person who is signed in, in the workspace they work in, and hands it to the browser to keep.
import { useMutation } from '@tanstack/react-query'
import { Download as Icon } from 'lucide-react'
import type { ReactNode } from 'react'
import { send } from '../server/client.ts'
import { Button } from './button.tsx'
import { useReason } from './reason.ts'

interface DownloadProps {
  readonly path: string
  /** What the file is called afterwards. */
  readonly name: string
  readonly quiet?: boolean
  readonly children: ReactNode
}

/** The button. */
export function Download({ path, name, quiet, children }: DownloadProps) {
  const reason = useReason()
  const fetching = useMutation({
    async mutationFn() {
      const address = URL.createObjectURL(await (await send(path)).blob())
      const link = document.createElement('a')
      link.href = address
      link.download = name
      link.click()
      URL.revokeObjectURL(address)
    },
  })
  return (
    <>
      <Button
        weight={quiet === true ? 'quiet' : 'plain'}
        icon={<Icon aria-hidden className="size-4" />}
        disabled={fetching.isPending}
        onClick={() => fetching.mutate()}
      >
        {children}
      </Button>
      {fetching.isError && (
        <span role="alert" className="text-xs text-bad">
          {reason(fetching.error)}
        </span>
      )}
    </>
  )
}
