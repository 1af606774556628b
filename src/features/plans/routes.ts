// The catalogue over HTTP: what can be pulled by name, and whether it fits on this machine beside what is loaded now.
import type { Static } from 'typebox'
import type { Device } from '../../engine/plan-fit.ts'
import { CatalogueList, type CatalogueModelObject, CatalogueQuery } from '../../wire/catalogue.ts'
import type { Server } from '../../wire/exchange.ts'
import { listObject, pageOf, readPaging } from '../../wire/paging.ts'
import { loadCatalogue } from '../models/catalogue-own.ts'
import type { CatalogueModel } from '../models/catalogue-schema.ts'
import { viewModel } from './catalogue-view.ts'
import { findPlanned } from './find.ts'
import { planReport } from './report.ts'

/** What the route needs. */
export interface CatalogueParts {
  readonly home: string
  /** GPUs and main memory with what is free of each now. */
  readonly devices: () => Promise<readonly Device[]>
}

const usualContext = 8192

/** Adds the route. */
export function registerCatalogue(server: Server, { home, devices }: CatalogueParts): void {
  server.get(
    '/galerne/v1/catalogue',
    {
      config: { permission: 'server.read' },
      schema: {
        tags: ['models'],
        summary: 'Models that can be pulled by name, and whether they fit here',
        description: 'Each in its usual quantisation, planned beside what is loaded now. No weights are fetched.',
        querystring: CatalogueQuery,
        response: { 200: CatalogueList },
      },
    },
    async ({ query }) => {
      const paging = readPaging(query, { usual: 20, most: 100 })
      const models = await loadCatalogue(home)
      // Only what is shown is planned: a plan takes milliseconds.
      const page = pageOf(
        models.map((model) => ({ id: model.name, model })),
        paging,
      )
      const machine = await devices()
      const context = query.context === undefined ? usualContext : Number(query.context)
      const shown = page.data.map(({ model }) => catalogueObject(model, models, machine, context))
      return { ...listObject(shown, paging, models.length), has_more: page.has_more }
    },
  )
}

function catalogueObject(
  model: CatalogueModel,
  models: readonly CatalogueModel[],
  devices: readonly Device[],
  wanted: number,
): Static<typeof CatalogueModelObject> {
  const { name, title, parameters, contextLength, licence } = model
  const [file] = viewModel(model).files
  const context = Math.min(wanted, contextLength)
  const question = { contextLength: context, users: 1, kvType: 'f16', devices, bandwidth: {} } as const
  const plan = planReport(findPlanned(name, { models }), question)
  return {
    ...{ id: name, object: 'catalogue.model', title },
    ...{ parameters: parameters.total, active_parameters: parameters.active, context_length: contextLength },
    ...{ quantisation: plan.quantisation, bytes: file?.bytes ?? file?.weights_bytes ?? plan.weights_bytes },
    licence: { name: licence.name, forbids: [...licence.forbids] },
    fit: {
      ...{ verdict: plan.verdict, context, users: plan.max_users, max_context: plan.max_context },
      total_bytes: plan.total_bytes,
      available_bytes: devices.reduce((sum, { availableBytes }) => sum + availableBytes, 0),
    },
  }
}
