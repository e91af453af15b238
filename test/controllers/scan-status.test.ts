import { describe, expect, test } from '@jest/globals'
import type { PolicyStatus } from '../../src/api/index.ts'
import { scannedStatus } from '../../src/controllers/index.ts'
import type { PolicyScan, ScannedState, ScanState } from '../../src/evidence/index.ts'

const SCANNED: ScannedState = { status: 'True', reason: 'Scanned', message: 'all' }
const FORBIDDEN: ScannedState = { status: 'False', reason: 'Forbidden', message: 'pods is forbidden' }
const SCANNING: ScannedState = { status: 'Unknown', reason: 'Scanning', message: 'under way' }
const NEEDS: ScannedState = { status: 'False', reason: 'NeedsRequest', message: 'who asks' }

const figure = (current: number, asOf: string, complete = true) => ({ current, asOf, complete, byNamespace: [] })

const stateOf = (scanned: ScannedState, violations: PolicyScan['violations']): ScanState => ({
  revision: 'r',
  policies: { p: { scanned, violations, errors: 0, byLevel: [] } },
  waived: {},
  figures: {
    isComplete: true,
    objects: 0,
    kinds: [],
    kindsWithoutPolicy: 0,
    judgedTotal: 0,
    pairsTotal: 0,
    judgingSeconds: 0,
    reports: 0,
    reportsWritten: 0,
    reportsFailed: 0,
    lastCompleteMs: 0,
    firstScanSeconds: 0,
  },
})

const stored = (violations: PolicyStatus['violations']): PolicyStatus => ({
  observedGeneration: 1,
  conditions: [{ type: 'Scanned', status: 'True', reason: 'Scanned', message: 'all', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  ...(violations === undefined ? {} : { violations }),
})

describe('the status of a policy', () => {
  test.each<[string, ScanState | 'stopped' | undefined, string | undefined, PolicyStatus['violations']]>([
    ['keeps what it says while nothing is known yet', undefined, 'Scanned', figure(3, 'then')],
    ['keeps it while a scan begins', stateOf(SCANNING, figure(1, 'now', false)), 'Scanned', figure(3, 'then')],
    ['keeps the time of a figure that is the same', stateOf(SCANNED, figure(3, 'now')), 'Scanned', figure(3, 'then')],
    ['takes a new figure with its time', stateOf(SCANNED, figure(4, 'now')), 'Scanned', figure(4, 'now')],
    ['keeps the last figure, not complete, where nothing can be read', stateOf(FORBIDDEN, undefined), 'Forbidden', figure(3, 'then', false)],
    ['has no figure where there can be none', stateOf(NEEDS, undefined), 'NeedsRequest', undefined],
    ['says that the scan has ended', 'stopped', 'ScanStopped', figure(3, 'then', false)],
  ])('%s', (_, scan, reason, violations) => {
    const status = scannedStatus('p', stored(figure(3, 'then')), scan)
    expect({ reason: status.conditions[0]?.reason, violations: status.violations }).toEqual({ reason, violations })
  })

  test('has no figure before the first scan, and says that it is under way', () => {
    const status = scannedStatus('p', undefined, stateOf(SCANNING, undefined))
    expect(status).toEqual({ conditions: [{ type: 'Scanned', ...SCANNING }], violations: undefined })
  })
})
