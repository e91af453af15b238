import { offerControlPlane } from './shared.ts'

// jest calls the default export.
export default offerControlPlane
