/** `--task-definition FILE`: AWS's own JSON, as RegisterTaskDefinition takes it or DescribeTaskDefinition answers it. */
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import type { TaskDefinition } from '../aws/ecs.ts';
import { registrable } from '../aws/registrable.ts';
import { usageError } from '../errors.ts';

/** Only what the program itself relies on is checked; AWS judges the rest. Values are never shown: they may be secret. */
const schema = z.looseObject({
  family: z.string(),
  containerDefinitions: z.array(z.looseObject({ name: z.string() })).min(1),
});

/** @throws CanaryError `usage` for a file that cannot be read or is no task definition. */
export function readTaskDefinition(file: string | undefined): TaskDefinition | undefined {
  if (file === undefined) return undefined;
  const found = unwrapped(parseFile(file));
  const json = typeof found === 'object' && found !== null ? registrable(found) : found;
  if (isTaskDefinition(json)) return json;
  const issues = schema.safeParse(json).error?.issues ?? [];
  const problems = issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`).join('; ');
  throw usageError(`${file} is not a task definition: ${problems}.`, 'aws ecs describe-task-definition shows one that works');
}

function isTaskDefinition(json: unknown): json is TaskDefinition {
  return schema.safeParse(json).success;
}

/** `describe-task-definition` answers `{"taskDefinition": {…}, "tags": […]}`. */
function unwrapped(json: unknown): unknown {
  const answer = z.looseObject({ taskDefinition: z.looseObject({}), tags: z.array(z.unknown()).optional() }).safeParse(json);
  if (!answer.success) return json;
  const { taskDefinition, tags } = answer.data;
  return tags && tags.length > 0 ? { ...taskDefinition, tags } : taskDefinition;
}

/** The parser's own message would quote the file, which may hold secrets. */
function parseFile(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw usageError(`The task definition ${file} cannot be read: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}.`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw usageError(`The task definition ${file} is not JSON.`);
  }
}
