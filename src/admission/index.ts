export type { AccessQuestion, GuardDependencies } from './guards.ts'
export { makeHealthApp, makeMetricsApp } from './health.ts'
export type { FailureClass, ReviewDependencies, ReviewRecorder, Route } from './review.ts'
export { AdmissionServer, type AdmissionServerOptions, type ServingCertificate } from './server.ts'
