/** What `../connect.ts` uses of the SDK's retries, by name: only this much is bundled and loaded. */
export { StandardRetryStrategy } from '@smithy/core/retry';
