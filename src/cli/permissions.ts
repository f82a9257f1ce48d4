/** Where somebody to whom AWS denied something finds what the command needs. */
import { messageOf } from '../errors.ts';
import type { CommandLine } from './command-line.ts';

/** Those in docs/iam, by command. */
const POLICIES: Readonly<Record<string, string>> = {
  'build-infra': 'infra',
  'destroy-infra': 'infra',
  push: 'deploy',
  rollout: 'deploy',
  promote: 'deploy',
  update: 'deploy',
  'destroy-old': 'deploy',
  unlock: 'route',
  route: 'route',
  rollback: 'route',
  status: 'read-only',
  logs: 'read-only',
  history: 'read-only',
};

/** As AWS words it, also where the registry or CloudFormation hands it on. To a question by HEAD the registry has no words. */
const DENIED = /is not authorized to perform: |^AWS denied | answered 403 while [^:]*$/;

/** The policy that has what the command needs; undefined where nothing was denied. */
export function policyFor(thrown: unknown, { command }: CommandLine): string | undefined {
  const words = command.split(' ');
  const name = words.find((word) => Object.hasOwn(POLICIES, word)) ?? '';
  const policy = words.includes('--dry-run') ? 'read-only' : POLICIES[name];
  return policy !== undefined && isDenied(thrown) ? `docs/iam/${policy}.json` : undefined;
}

function isDenied(thrown: unknown): boolean {
  return DENIED.test(messageOf(thrown)) || (thrown instanceof Error && thrown.cause !== undefined && isDenied(thrown.cause));
}
