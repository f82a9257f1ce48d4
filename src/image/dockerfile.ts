/** Reads the part of the Dockerfile language that needs no container engine. */
import { posix } from 'node:path';
import { CanaryError, ExitCode } from '../errors.ts';
import { type Line, readLines, splitWords } from './dockerfile-words.ts';

export interface Dockerfile {
  /** What puts files into the image, in order. */
  readonly steps: readonly Step[];
  /** The image config's `config`, with the members that the Dockerfile sets. */
  readonly config: ImageSettings;
}

export type Step = DirectoryStep | CopyStep;

export interface DirectoryStep {
  readonly kind: 'directory';
  readonly path: string;
}

export interface CopyStep {
  readonly kind: 'copy';
  readonly line: number;
  readonly sources: readonly string[];
  /** Absolute; a slash at its end says that it is a folder. */
  readonly destination: string;
}

export interface ImageSettings {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  WorkingDir?: string;
  Labels?: Record<string, string>;
  /** What runs commands that are no lists. */
  Shell?: string[];
}

interface Draft {
  /** There was a FROM. Its image is not fetched: BASE_IMAGE says what is built on. */
  begun: boolean;
  /** The Dockerfile has a CMD of its own. */
  commanded: boolean;
  readonly steps: Step[];
  readonly config: ImageSettings;
  readonly env: Map<string, string>;
}

type Instruction = (draft: Draft, line: Line) => void;

const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  FROM: from, WORKDIR: workdir, COPY: copy, ENV: env, LABEL: label, USER: user, EXPOSE: expose, CMD: command('Cmd'), ENTRYPOINT: command('Entrypoint'),
};

/** What to do instead of an instruction that is not supported. */
const INSTEAD: Readonly<Record<string, string>> = {
  RUN: 'run it before the push (npm ci, a compiler, …) and COPY what it makes',
  ADD: 'download or unpack the files into the folder first and use COPY',
  ARG: 'write the value itself, or set it with ENV',
  HEALTHCHECK: "remove it: ECS does not read it, the target group's health check (HEALTH_CHECK_PATH) is used",
  STOPSIGNAL: 'remove it: the process gets SIGTERM',
  VOLUME: 'remove it and declare the volume in the task definition',
  SHELL: 'use the list form of CMD and ENTRYPOINT: CMD ["node", "server.js"]',
  ONBUILD: 'remove it: no other image is built from this one',
  MAINTAINER: 'write LABEL org.opencontainers.image.authors="…"',
};

/**
 * @param inherited what the image that it builds on says
 * @throws CanaryError, exit 2, that names the line and what to do instead
 */
export function parseDockerfile(text: string, inherited: ImageSettings = {}): Dockerfile {
  const draft: Draft = { begun: false, commanded: false, steps: [], config: { ...inherited }, env: new Map(inherited.Env?.map(nameAndValue)) };
  for (const line of readLines(text)) {
    const { number, keyword } = line;
    const instruction = Object.hasOwn(INSTRUCTIONS, keyword) ? INSTRUCTIONS[keyword] : undefined;
    if (!instruction) throw unsupported(line);
    if (!draft.begun && keyword !== 'FROM') throw dockerfileError(number, `${keyword} stands before FROM`, 'begin with FROM');
    instruction(draft, line);
  }
  if (!draft.begun) throw dockerfileError(1, 'there is no FROM', 'begin with FROM, such as FROM node:22-alpine');
  const { steps, config } = draft;
  if (draft.env.size > 0) config.Env = Array.from(draft.env, ([name, value]) => `${name}=${value}`);
  return { steps, config };
}

export function dockerfileError(line: number, message: string, instead: string): CanaryError {
  return new CanaryError({ code: 'dockerfile', message: `Dockerfile line ${line}: ${message}. Instead: ${instead}.`, exitCode: ExitCode.usage });
}

function unsupported({ number, keyword }: Line): CanaryError {
  const instead = Object.hasOwn(INSTEAD, keyword) ? INSTEAD[keyword] : undefined;
  return dockerfileError(number, `the builder pack does not support ${keyword}`, instead ?? `use ${Object.keys(INSTRUCTIONS).join(', ')}`);
}

function from(draft: Draft, line: Line): void {
  if (draft.begun) {
    throw dockerfileError(line.number, 'the builder pack does not support a second FROM', 'build before the push, and COPY what the last stage needs');
  }
  const [image = '', as, stage, ...more] = words(draft, line);
  if (image === '' || image.startsWith('--') || (as !== undefined && (as.toUpperCase() !== 'AS' || stage === undefined)) || more.length > 0) {
    throw dockerfileError(line.number, 'FROM takes an image here and nothing else', 'write FROM image; --platform sets the platform');
  }
  draft.begun = true;
}

function workdir(draft: Draft, line: Line): void {
  const path = posix.resolve('/', draft.config.WorkingDir ?? '', word(draft, line));
  draft.config.WorkingDir = path;
  draft.steps.push({ kind: 'directory', path });
}

function copy(draft: Draft, line: Line): void {
  const all = listForm(line) ?? words(draft, line);
  const flags = all.filter((argument) => argument.startsWith('--'));
  for (const flag of flags) refuseFlag(flag, line);
  const paths = all.slice(flags.length);
  const target = paths.pop();
  if (target === undefined || paths.length === 0) throw dockerfileError(line.number, 'COPY needs a source and a destination', 'write COPY . .');
  if (paths.concat(target).some((path) => path.startsWith('<<'))) throw dockerfileError(line.number, 'COPY takes no here-document', 'put the text into a file');
  const isFolder = /(^|\/)\.?$/.test(target);
  const destination = posix.resolve('/', draft.config.WorkingDir ?? '', target);
  draft.steps.push({ kind: 'copy', line: line.number, sources: paths, destination: isFolder && destination !== '/' ? `${destination}/` : destination });
}

function refuseFlag(flag: string, { number }: Line): void {
  const name = flag.split('=')[0] ?? flag;
  if (name === '--link') return;
  const instead: Readonly<Record<string, string>> = {
    '--from': 'COPY from the folder: there is only one stage, and no other image is fetched',
    '--chown': 'remove it: all files belong to root and everyone may read them',
    '--chmod': 'set the mode of the file in the folder: whether it may be executed is kept',
  };
  throw dockerfileError(number, `COPY ${name} is not supported`, instead[name] ?? 'remove it');
}

function env(draft: Draft, line: Line): void {
  for (const [name, value] of pairs(draft, line)) draft.env.set(name, value);
}

function label(draft: Draft, line: Line): void {
  draft.config.Labels = { ...draft.config.Labels, ...Object.fromEntries(pairs(draft, line)) };
}

function user(draft: Draft, line: Line): void {
  draft.config.User = word(draft, line);
}

function expose(draft: Draft, line: Line): void {
  for (const port of words(draft, line)) {
    const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp))?$/i.exec(port) ?? [];
    if (number === undefined) throw dockerfileError(line.number, `EXPOSE ${port} is no port`, 'write EXPOSE 8080');
    draft.config.ExposedPorts = { ...draft.config.ExposedPorts, [`${number}/${protocol.toLowerCase()}`]: {} };
  }
}

function command(member: 'Cmd' | 'Entrypoint'): Instruction {
  return (draft, line) => {
    if (line.rest === '') throw dockerfileError(line.number, `${line.keyword} is empty`, `write ${line.keyword} ["node", "server.js"]`);
    const { config } = draft;
    config[member] = listForm(line) ?? [...(config.Shell ?? ['/bin/sh', '-c']), line.rest];
    if (member === 'Cmd') draft.commanded = true;
    // What is inherited are the arguments of another program.
    else if (!draft.commanded) delete config.Cmd;
  };
}

/** `["node", "server.js"]`. Docker takes what only looks like a list for a shell command; that is never what was meant. */
function listForm({ number, keyword, rest }: Line): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  const list = parseJson(rest);
  if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  throw dockerfileError(number, `${keyword} ${rest} is no JSON list of strings`, `write ${keyword} ["…", "…"] with double quotes`);
}

function nameAndValue(pair: string): [name: string, value: string] {
  const [name = '', ...value] = pair.split('=');
  return [name, value.join('=')];
}

/** `NAME=value …`, or `NAME the rest of the line`. */
function pairs(draft: Draft, line: Line): [name: string, value: string][] {
  const old = /^([^\s=]+)\s+(.+)$/s.exec(line.rest);
  if (old) {
    const [, name = '', text = ''] = old;
    const quoted = `"${text.trim().replaceAll(/["\\]/g, String.raw`\$&`)}"`;
    return [[name, word(draft, { ...line, rest: quoted })]];
  }
  return words(draft, line).map((pair) => {
    if (pair.indexOf('=') < 1) throw dockerfileError(line.number, `${line.keyword} needs NAME=value`, `write ${line.keyword} NAME="value"`);
    return nameAndValue(pair);
  });
}

function word(draft: Draft, line: Line): string {
  const [first, ...more] = words(draft, line);
  if (first === undefined || more.length > 0) throw dockerfileError(line.number, `${line.keyword} takes one value`, 'put it in quotes if it has blanks');
  return first;
}

function words(draft: Draft, line: Line): string[] {
  try {
    return splitWords(line.rest, (name) => {
      const value = draft.env.get(name);
      if (value !== undefined) return value;
      throw dockerfileError(line.number, `$${name} is set neither in this file nor in BASE_IMAGE`, `set it with ENV ${name}=… before this line`);
    });
  } catch (error) {
    if (error instanceof SyntaxError) throw dockerfileError(line.number, error.message, 'write it without that');
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
