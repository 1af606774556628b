// The memory of this machine that a plan may use, as it is now. Knows no model.
import { type EngineDevice, hasGraphicsPackage, readDevices } from '../../engine/devices.ts'
import { planDevices } from '../../engine/plan-devices.ts'
import type { Device } from '../../engine/plan-fit.ts'
import { readMachine } from '../../engine/plan-machine.ts'

/** Reads GPUs and main memory. GPUs are asked for by a process of their own, once; what is free of main memory is read each time. */
export function machineDevices(environment: Readonly<Record<string, string>>): () => Promise<readonly Device[]> {
  let graphics: Promise<readonly EngineDevice[]> | undefined
  return async () => {
    graphics ??= hasGraphicsPackage() ? readDevices(environment).catch(() => []) : Promise.resolve([])
    return planDevices(await graphics, readMachine().availableBytes)
  }
}
