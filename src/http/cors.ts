// Lets pages of other origins call this server with a key, where the setting names them. Never with cookies: a session is the console's alone.
import type { FastifyInstance } from 'fastify'

/**
 * Adds the headers of cross-origin calls to every answer, refusals included, and answers what browsers ask before a call. The hook must
 * come before the one that asks for a key: browsers send none ahead of a call, and a page shall read why its key was refused.
 * @param origins as browsers send them, or `*` for any; none: nothing is added.
 */
export async function allowOrigins(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return
  const { default: cors } = await import('@fastify/cors')
  await server.register(cors, {
    origin: [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    // Without credentials the star stands for all headers: request ids, limits, what was ignored.
    exposedHeaders: '*',
    maxAge: 600,
    // What is no such question gets an answer all the same, not a refusal in a shape that is not ours.
    strictPreflight: false,
  })
}
