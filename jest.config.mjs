/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.(ts|yaml)$': '<rootDir>/scripts/jest-transform.cjs' },
  testTimeout: 30_000,
};
