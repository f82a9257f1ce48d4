/** What Fargate fetches for a task before it pulls an image: the values of its secrets, and a look at its log group. */
import { AwsError } from '../../errors.ts';
import type { Region } from '../../parts.ts';
import type { StoredTaskDefinition } from '../ecs-state.ts';

/** Secrets by container name and variable name. */
export type TaskSecrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Rejects with an Error worded as the stopped reason of such a task: `ResourceInitializationError: …`. */
export async function fetchTaskResources(region: Region, definition: StoredTaskDefinition): Promise<TaskSecrets> {
  const secrets: Record<string, Record<string, string>> = {};
  for (const { name = '', logConfiguration, secrets: wanted = [] } of definition.containerDefinitions) {
    if (logConfiguration?.logDriver === 'awslogs') {
      await checkLogGroup(region, logConfiguration.options ?? {});
    }
    secrets[name] = {};
    for (const secret of wanted) {
      secrets[name][secret.name ?? ''] = await secretValue(region, secret.valueFrom ?? '');
    }
  }
  return secrets;
}

async function checkLogGroup(region: Region, options: Readonly<Record<string, string>>): Promise<void> {
  const logGroupName = options['awslogs-group'] ?? '';
  if (region.logs.exists(logGroupName)) {
    return;
  }
  if (options['awslogs-create-group'] !== 'true') {
    throw new Error(
      'ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create '
      + 'Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1',
    );
  }
  await region.call('logs', 'CreateLogGroup', { logGroupName });
}

/** @param valueFrom a parameter's name or its ARN; other secrets than parameters are not held by the sandbox. */
async function secretValue(region: Region, valueFrom: string): Promise<string> {
  const path = /^arn:[^:]+:ssm:[^:]+:[^:]+:parameter(\/.+)$/.exec(valueFrom)?.[1];
  // An ARN does not tell whether a one-part name began with a slash.
  const names = path === undefined ? [valueFrom] : [path, path.slice(1)];
  for (const Name of names) {
    const value = await parameterValue(region, Name);
    if (value !== undefined) {
      return value;
    }
  }
  throw new Error(
    'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve '
    + `secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: ${names[0]}`,
  );
}

async function parameterValue(region: Region, Name: string): Promise<string | undefined> {
  try {
    const { Parameter } = await region.call('ssm', 'GetParameter', { Name, WithDecryption: true });
    return Parameter && typeof Parameter === 'object' && 'Value' in Parameter ? String(Parameter.Value) : undefined;
  } catch (error) {
    if (error instanceof AwsError) {
      return undefined;
    }
    throw error;
  }
}
