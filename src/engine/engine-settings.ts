// What an engine process is started with: a model, its plan, and how its layers lie on the devices. Pure but for the age of the file.

import { statSync } from 'node:fs'
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
    createdAt: Math.trunc(statSync(model.path).mtimeMs),
    context: plan,
    spillBytes,
    ...(model.prefixDisk === undefined ? {} : { prefixDisk: model.prefixDisk }),
    ...(model.pooling === undefined ? {} : { pooling: model.pooling }),
  }
}
