export { breakGlassWebhook } from './break-glass-webhook.ts'
export type { ResourceFacts } from './cells.ts'
export { computeMutatingWebhooks, computeWebhooks, type RegistrationOptions, type Webhook } from './compute.ts'
export { RegistrationSync, type RegistrationSyncOptions } from './registration-sync.ts'
