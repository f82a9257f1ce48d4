/** How a stack as it is differs from what it is to be, found out here and not by CloudFormation. Pure: no call, no clock. */
import { createHash } from 'node:crypto';
import { structuredPatch } from 'diff';
import type { StackRequest } from '../aws/cloudformation.ts';
import type { KnownStack } from './observe-infra.ts';

/** Lines for a reader; none where they are alike. */
export function difference(stack: KnownStack, { template, parameters, tags }: StackRequest): string[] {
  return [
    ...valuesThatDiffer('parameter', stack.parameters, { ...defaultsOf(template), ...parameters }),
    ...valuesThatDiffer('tag', stack.tags, tags),
    ...linesThatDiffer(stack.template, template),
  ];
}

/** What parameters come to that nobody gives. Our own templates: each default is on one line. */
function defaultsOf(template: string): Values {
  const section = /^Parameters:\n((?: .*\n|\n)*)/m.exec(template)?.[1] ?? '';
  const declared = Array.from(section.matchAll(/^ {2}(\w+):((?:\n {4}.*|\n)*)/gm), ([, name = '', body = '']) => [name, /^ {4}Default: *(.*)$/m.exec(body)?.[1]] as const);
  return Object.fromEntries(declared.flatMap(([name, text]) => (text === undefined ? [] : [[name, text.replace(/^(['"])(.*)\1$/, '$2')]])));
}

type Values = Readonly<Record<string, string>>;

function valuesThatDiffer(what: string, before: Values, after: Values): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return names.filter((name) => before[name] !== after[name]).map((name) => `${what} ${name}: ${shown(before[name])} -> ${shown(after[name])}`);
}

function shown(value: string | undefined): string {
  if (value === undefined) return '(none)';
  if (value === '') return '(empty)';
  const lines = value.trimEnd().split('\n');
  // Such as a certificate: its text tells nobody anything, but two of them must be told apart.
  return lines.length === 1 ? value : `${lines[0]}... (${lines.length} lines, SHA-256 ${createHash('sha256').update(value).digest('hex').slice(0, 12)})`;
}

/** Lines around a difference that are shown with it. */
const CONTEXT = 2;

/** As `diff -u` has it, but each place under the section of the template that it is in. */
function linesThatDiffer(before: string, after: string): string[] {
  const [old, wanted] = [`${before.trim()}\n`, `${after.trim()}\n`];
  const { hunks } = structuredPatch('', '', old, wanted, '', '', { context: CONTEXT });
  const wantedLines = wanted.split('\n');
  return hunks.flatMap(({ lines, newStart }) => {
    const untouched = Math.max(0, lines.findIndex((line) => !line.startsWith(' ')));
    const section = sectionAt(wantedLines, newStart - 1 + untouched);
    return [`template${section ? `, ${section}` : ''}:`, ...lines.map((line) => `  ${line}`)];
  });
}

/** Names of the sections around a line, such as `Resources.BlueTargetGroup.Properties`. */
function sectionAt(lines: readonly string[], index: number): string {
  const names: string[] = [];
  let inner = indentOf(lines[index] ?? '');
  for (const line of lines.slice(0, index).toReversed()) {
    const name = /^ *([\w:]+):( *| +[#&].*)$/.exec(line)?.[1];
    if (name === undefined || indentOf(line) >= inner) continue;
    names.unshift(name);
    inner = indentOf(line);
  }
  return names.join('.');
}

function indentOf(line: string): number {
  return line.search(/\S|$/);
}
