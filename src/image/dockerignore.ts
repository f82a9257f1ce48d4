/** The rules of `.dockerignore`, as Docker reads them. (They are not git's: a pattern counts from the folder's root.) */
import { posix } from 'node:path';
import { globSource } from './glob.ts';

export interface IgnoreRules {
  /** @param path relative to the folder, with slashes */
  ignores(path: string): boolean;
  /** Some rule takes back what an earlier one ignores, so that there may be something to find below an ignored folder. */
  readonly takesBack: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly takesBack: boolean;
}

export function parseDockerignore(text: string): IgnoreRules {
  const rules = text.split(/\r?\n/).flatMap(parseRule);
  return {
    // The last rule that matches decides.
    ignores: (path) => rules.findLast(({ pattern }) => pattern.test(path))?.takesBack === false,
    takesBack: rules.some((rule) => rule.takesBack),
  };
}

function parseRule(line: string): Rule[] {
  const text = line.trim();
  if (text === '' || line.startsWith('#')) return [];
  const takesBack = text.startsWith('!');
  const path = posix.join('/', (takesBack ? text.slice(1) : text).trim()).replace(/\/$/, '').slice(1);
  if (path === '') return [];
  // A rule for a folder counts for everything below it.
  return [{ pattern: new RegExp(`^${pathSource(path)}(?:/|$)`), takesBack }];
}

/** `**` stands for any number of folders, none included. */
function pathSource(path: string): string {
  return path.split(/(\*\*\/?)/).map((part, index, parts) => {
    if (!part.startsWith('**')) return globSource(part);
    return parts.slice(index + 1).join('') === '' ? '.*' : '(?:.*/)?';
  }).join('');
}
