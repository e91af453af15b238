import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import { parseConfig } from '../../src/api/index.ts'
import type { Logger } from '../../src/evidence/index.ts'
import { ScanThread } from '../../src/operator/scan-thread.ts'

const parsed = parseConfig('')
if (!parsed.ok) throw new Error('no configuration')
const DATA = { config: parsed.value, flags: {}, namespace: 'bylaw-system', name: 'bylaw', approvalKey: '', digestKey: '' }

let thread: ScanThread | undefined
afterEach(() => thread?.stop())

/** A thread that runs a text, with what is told of it. */
function threadOf(source: string): { readonly thread: ScanThread; readonly told: string[] } {
  const told: string[] = []
  const logTo =
    (severity: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      told.push(`${severity} ${message} ${String(fields['error'] ?? '')}`.trim())
    }
  const logger: Logger = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') }
  const entry = new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'\n${source}`)}`)
  thread = new ScanThread({ data: () => DATA, logger, onState: ({ revision }) => told.push(`state ${revision}`), onCrash: () => told.push('crash'), entry })
  return { thread, told }
}

async function until(holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 20_000; !holds() && Date.now() < endMs; ) await sleep(20)
}

test('a thread that fails is told of, and started again', async () => {
  const { thread: own, told } = threadOf(
    "parentPort.postMessage({ kind: 'state', state: { revision: 'one' } }); setTimeout(() => { throw new Error('broken') }, 50)",
  )
  own.start()
  await until(() => told.filter((line) => line === 'state one').length > 1)
  expect(told.slice(0, 5)).toEqual([
    'state one',
    expect.stringMatching(/^error the scan failed .*broken$/),
    'error the scan ended and is started again',
    'crash',
    'state one',
  ])
})

test('a thread that is stopped is not started again, and what it still says is not heard', async () => {
  const { thread: own, told } = threadOf("setInterval(() => parentPort.postMessage({ kind: 'state', state: { revision: 'x' } }), 5)")
  own.start()
  await until(() => told.length > 0)
  await own.stop()
  const count = told.length
  await sleep(100)
  expect({ more: told.length - count, crashes: told.filter((line) => line === 'crash') }).toEqual({ more: 0, crashes: [] })
})

test('what a thread was told is told to the next one', async () => {
  const { thread: own, told } = threadOf(
    "parentPort.on('message', ({ policiesInForce }) => { parentPort.postMessage({ kind: 'state', state: { revision: String(policiesInForce) } }); setTimeout(() => process.exit(3), 20) })",
  )
  own.start()
  own.tell({ policiesInForce: 7 })
  await until(() => told.filter((line) => line === 'state 7').length > 1)
  expect(told.filter((line) => line.startsWith('state'))).toEqual(['state 7', 'state 7'])
})
