import { withdrawControlPlane } from './shared.ts'

// jest calls the default export.
export default withdrawControlPlane
