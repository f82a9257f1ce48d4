/** Where AWS is: all that a command needs to know that belongs to no project. */
import { usageError } from '../errors.ts';

/** Variables by name, as the environment has them after `.env` and flags were laid over it. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What an AWS client needs to be made. */
export interface Connection {
  readonly region: string;
  /** Set when the calls go somewhere else than to AWS itself. */
  readonly endpointUrl: string | undefined;
}

const REGION = /^[a-z]{2,3}(-[a-z]+)+-\d$/;

/**
 * Region and endpoint.
 * @throws CanaryError `usage` when there is no region, or two that differ.
 */
export function readConnection(variables: Variables): Connection {
  const problems: string[] = [];
  const connection = connectionOf(variables, problems);
  throwProblems(problems);
  return connection;
}

/** The same, for a caller that has further settings to check: what is wrong is added to `problems`. */
export function connectionOf(variables: Variables, problems: string[]): Connection {
  const { AWS_REGION: region, AWS_DEFAULT_REGION: defaultRegion, AWS_ENDPOINT_URL: endpointUrl } = variables;
  const chosen = defaultRegion || region || '';
  if (region && defaultRegion && region !== defaultRegion) {
    problems.push(`AWS_REGION is ${region} and AWS_DEFAULT_REGION is ${defaultRegion}: unset one of them, or give --region.`);
  } else if (!chosen) {
    problems.push('AWS_DEFAULT_REGION is missing: it should be a region such as ap-northeast-1.');
  } else if (!REGION.test(chosen)) {
    problems.push(`AWS_DEFAULT_REGION is "${chosen}": it should be a region such as ap-northeast-1.`);
  }
  if (endpointUrl && !(URL.canParse(endpointUrl) && /^https?:/.test(endpointUrl))) {
    problems.push(`AWS_ENDPOINT_URL is "${endpointUrl}": it should be a URL such as http://127.0.0.1:4566.`);
  }
  return { region: chosen, endpointUrl: endpointUrl || undefined };
}

/** @throws CanaryError `usage` that names all problems at once. */
export function throwProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw usageError(problems.join('\n'), 'correct the settings (.env-sample shows them), and run the same command again');
}
