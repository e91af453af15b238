import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { makeHealthApp, makeMetricsApp } from '../../src/admission/index.ts'

type App = ReturnType<typeof makeHealthApp>

/** Asks an app for paths, over a loopback port of its own. */
async function get(app: App, ...paths: readonly string[]): Promise<readonly string[]> {
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port }: AddressInfo = JSON.parse(JSON.stringify(server.address()))
  const answers: string[] = []
  for (const path of paths) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    answers.push(`${response.status} ${response.headers.get('x-powered-by') ?? ''}${(await response.text()).split('\n')[0] ?? ''}`)
  }
  server.closeAllConnections()
  server.close()
  return answers
}

test('the process is healthy from the first moment, and ready once nothing is missing', async () => {
  expect(await get(makeHealthApp({ notReadyReason: () => 'the policies are not loaded yet' }), '/healthz', '/readyz')).toEqual([
    '200 ok',
    '503 the policies are not loaded yet',
  ])
  expect(await get(makeHealthApp({ notReadyReason: () => undefined }), '/healthz', '/readyz')).toEqual(['200 ok', '200 ok'])
})

test('metrics have a path, and nothing else has', async () => {
  const app = makeMetricsApp(async () => ({ contentType: 'text/plain; version=0.0.4', text: 'a 1\n' }))
  const [metrics, other] = await get(app, '/metrics', '/')
  expect(metrics).toBe('200 a 1')
  expect(other?.slice(0, 4)).toBe('404 ')
})
