import config from './jest.config.mjs'

const [, real] = config.projects

/** The tests that build Argo CD and Flux's judge first: `make gitops`. @type {import('jest').Config} */
export default {
  ...config,
  projects: [{ ...real, displayName: 'gitops', testMatch: ['<rootDir>/test/gitops/**/*.test.ts'] }],
  maxWorkers: 1,
}
