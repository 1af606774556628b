// What an engine process is started with: a model, its plan, and how its layers lie on the devices. Pure but for the age of the file.

import { statSync } from 'node:fs'
import { fail } from '../base/errors.ts'
import type { ModelHeader } from './header-types.ts'
import type { EngineSettings } from './messages.ts'
import type { Plan } from './plan.ts'
import { type Offload, offloadOf } from './plan-devices.ts'
import { type Device, placeOn } from './plan-fit.ts'
import type { PoolModel } from './pool-model.ts'
import { quantisationOf } from './quantisations.ts'

/** As many layers as fit on the GPUs beside the planned streams. */
export function offloadFor(header: ModelHeader, devices: readonly Device[], plan: Plan): Offload {
  const { streams: users, contextLength, kvType } = plan
  return offloadOf(placeOn(header, devices, { users, contextLength, kvType }))
}

/** The settings without devices. */
export function settingsOf(model: PoolModel, header: ModelHeader, plan: Plan, spillBytes: number): EngineSettings {
  return {
    name: model.name,
    aliases: model.aliases ?? [],
    path: model.path,
    digest: model.digest ?? null,
    quantisation: quantisationOf(header),
    createdAt: Math.trunc(changedAt(model)),
    context: plan,
    spillBytes,
    ...(model.prefixDisk === undefined ? {} : { prefixDisk: model.prefixDisk }),
    ...(model.pooling === undefined ? {} : { pooling: model.pooling }),
  }
}

/** Milliseconds since 1970. Throws `model_load_failed` for a file that was there when the server started and is gone. */
function changedAt({ name, path }: PoolModel): number {
  try {
    return statSync(path).mtimeMs
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw fail('model_load_failed', { model: name, reason: `its file cannot be read any more (${code}).` }, error)
  }
}
