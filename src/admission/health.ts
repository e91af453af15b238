import express, { type Express } from 'express'

export interface HealthOptions {
  /** Why the operator is not ready, or undefined. */
  readonly notReadyReason: () => string | undefined
}

/** `/healthz` (the process answers) and `/readyz` (the policies are loaded and the door is open). */
export function makeHealthApp({ notReadyReason }: HealthOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.get('/healthz', (_request, response) => {
    response.type('text/plain').send('ok\n')
  })
  app.get('/readyz', (_request, response) => {
    const reason = notReadyReason()
    response
      .status(reason === undefined ? 200 : 503)
      .type('text/plain')
      .send(reason === undefined ? 'ok\n' : `${reason}\n`)
  })
  return app
}

/** `/metrics` in Prometheus' exposition format. */
export function makeMetricsApp(expose: () => Promise<{ readonly contentType: string; readonly text: string }>): Express {
  const app = express()
  app.disable('x-powered-by')
  // Nobody asks for it, and it would be a digest of a megabyte at every scrape.
  app.disable('etag')
  app.get('/metrics', async (_request, response) => {
    const { contentType, text } = await expose()
    response.type(contentType).send(text)
  })
  return app
}
