// Node 20 still serves; the SDK would say ten lines about it in every test file.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.(ts|yaml)$': '<rootDir>/scripts/jest-transform.cjs' },
  testTimeout: 30_000,
  // The tests wait more than they work: every core gets a worker.
  maxWorkers: '100%',
};
