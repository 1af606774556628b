// An own process, because a library that does not suit the machine may end it: says in JSON which devices the engine sees, and ends.

import { openLibrary } from './library.ts'
import { declareFunctions } from './llama.ts'

/** ggml_backend_dev_type of ggml-backend.h. */
const kinds = ['cpu', 'gpu', 'integrated', 'accelerator'] as const

const llama = declareFunctions(openLibrary(() => {}))
const devices = Array.from({ length: Number(llama.deviceCount()) }, (_, place) => {
  const device = llama.device(place)
  const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)]
  llama.deviceMemory(device, free, total)
  return {
    name: llama.deviceName(device),
    description: llama.deviceDescription(device),
    kind: kinds[llama.deviceType(device)] ?? 'accelerator',
    freeBytes: Number(free[0]),
    totalBytes: Number(total[0]),
  }
})
process.stdout.write(JSON.stringify(devices), () => process.exit(0))
