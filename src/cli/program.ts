/** The program: reads the command line, runs one command, shows its outcome, and returns the exit code. */
import { CommanderError, Command as Parser, type Option } from 'commander';
import { CanaryError, ExitCode, usageError } from '../errors.ts';
import { hazardsOnce } from '../progress/hazards-once.ts';
import { printable } from '../progress/printable.ts';
import { loadVariables } from './variables.ts';
import { type CommandLine, splitCommandLine } from './command-line.ts';
import type { Command, Values } from './command.ts';
import { isOn, isSet, switchedOn } from './command.ts';
import { commands } from './commands.ts';
import type { Context, Terminal } from './context.ts';
import { globalOptions, timeoutOf } from './global-options.ts';
import { reportError } from './report-error.ts';
import { interruptible } from './signals.ts';

/** Runs the command line (without Node's own part). Never throws; never ends the process. */
export async function runProgram(args: readonly string[], terminal: Terminal, version: string): Promise<number> {
  const commandLine = splitCommandLine(args);
  const problem = loadVariables(args, terminal.env);
  try {
    let exitCode: number = ExitCode.done;
    const parser = makeParser(terminal, version, async (command, values, argument) => {
      exitCode = await runCommand(command, values, argument, { terminal, commandLine, problem });
    });
    await parser.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // The parser may have stopped before it came to these.
    const json = args.includes('--json') || isOn(terminal.env['ECS_CANARY_JSON']);
    const verbose = args.includes('--verbose') || args.includes('-v') || isOn(terminal.env['ECS_CANARY_VERBOSE']);
    return reportError(asUsage(error, args), terminal, { json, verbose, commandLine });
  }
}

type Handler = (command: Command, values: Values, argument: string | undefined) => Promise<void>;

function makeParser(terminal: Terminal, version: string, handle: Handler): Parser {
  const parser = new Parser('ecs-canary')
    .description('Canary deploys for Amazon ECS: any weight, up and down, at any time.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showHelpAfterError(false)
    .enablePositionalOptions(false)
    .configureHelp({ optionDescription: ({ description }) => description })
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      // Errors are shown in one place, in our words.
      outputError: () => undefined,
    })
    .addHelpText('after', '\nEvery option has a variable as well: --task-definition is ECS_CANARY_TASK_DEFINITION.')
    .exitOverride();
  addOptions(parser, globalOptions(), terminal);
  for (const [path, command] of commands) {
    const group = path.slice(0, -1).reduce((at, name) => at.commands.find((known) => known.name() === name) ?? subgroup(at, name), parser);
    const sub = group.command(command.name).summary(command.summary).description(sentence(command.summary));
    if (command.argument) sub.argument(command.argument.name, command.argument.description);
    sub.optionsGroup('Options:');
    addOptions(sub, command.options, terminal);
    sub.optionsGroup('Global options:');
    addOptions(sub, globalOptions(), terminal);
    sub.addHelpText('after', ['', 'Examples:', ...command.examples.map((line) => `  $ ${line}`)].join('\n'));
    sub.action(async (...received: unknown[]) => {
      const argument = command.argument && typeof received[0] === 'string' ? received[0] : undefined;
      await handle(command, { ...given(parser), ...given(sub) }, argument);
    });
  }
  return parser;
}

/** What was really said: the default of a parent's option must not hide what its command was told. */
function given(parser: Parser): Values {
  const values: Values = parser.opts();
  return Object.fromEntries(Object.entries(values).filter(([name]) => parser.getOptionValueSource(name) !== 'default'));
}

/** Only `sandbox` has commands of its own. */
function subgroup(parent: Parser, name: string): Parser {
  return parent.command(name).description('the local AWS: a whole ECS on this machine, to rehearse on').helpCommand(false);
}

function addOptions(parser: Parser, options: readonly Option[], { env }: Terminal): void {
  for (const option of options) {
    parser.addOption(option);
    if (switchedOn(option, env)) parser.setOptionValueWithSource(option.attributeName(), !option.negate, 'env');
  }
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

interface Surroundings {
  readonly terminal: Terminal;
  readonly commandLine: CommandLine;
  /** Why the settings file could not be read. */
  readonly problem: CanaryError | undefined;
}

async function runCommand(command: Command, values: Values, argument: string | undefined, surroundings: Surroundings): Promise<number> {
  const { terminal, commandLine, problem } = surroundings;
  const json = isSet(values, 'json');
  const verbose = isSet(values, 'verbose');
  const out = json ? terminal.stderr : terminal.stdout;
  const quiet = isSet(values, 'quiet');
  const shown = await makeProgress(terminal, values);
  const interrupt = interruptible({
    first: () => {
      shown.end();
      // One that only looks has no safe points, and stops.
      if (!quiet && command.writes) terminal.stderr.write('Stopping at the next safe point; once more to stop at once.\n');
    },
    second: () => {
      shown.end();
      if (command.writes) terminal.stderr.write(ENDED_AT_ONCE);
    },
  });
  try {
    const context: Context = {
      terminal,
      variables() {
        if (problem) throw problem;
        return terminal.env;
      },
      progress: hazardsOnce(shown.progress),
      print: (line) => out.write(`${printable(line)}\n`),
      say: (line) => quiet || terminal.stderr.write(`${printable(line)}\n`),
      signal: interrupt.signal,
      json,
      dryRun: isSet(values, 'dryRun'),
      yes: isSet(values, 'yes'),
      timeout: timeoutOf(values),
      commandLine,
    };
    if (context.dryRun && command.local) throw usageError(`sandbox ${command.name} takes no --dry-run: it is no command to AWS.`);
    const { exitCode = ExitCode.done, ...result } = await command.run(context, values, argument);
    shown.end();
    if (json) terminal.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...result })}\n`);
    return exitCode;
  } catch (error) {
    shown.end();
    return reportError(error, terminal, { json, verbose, commandLine });
  } finally {
    interrupt.end();
  }
}

const ENDED_AT_ONCE = `Ended at once, in the middle of its work.
Next: the same command again   (carries on)
      ecs-canary status   (shows where users are)
`;

/**
 * Spinners and colours only where somebody watches: standard output is a terminal, and nobody asked for less. One that says it has
 * no columns is none to draw on: a spinner would not come to an end of wiping it.
 */
async function makeProgress(terminal: Terminal, values: Values) {
  const json = isSet(values, 'json');
  const quiet = isSet(values, 'quiet');
  const { isTTY, columns } = terminal.stdout;
  const watched = isTTY === true && columns !== 0 && !json && !quiet && terminal.env['TERM'] !== 'dumb' && !terminal.env['CI'];
  if (watched) {
    const [{ terminalProgress }, { colours }] = await Promise.all([import('../progress/terminal.ts'), import('./colours.ts')]);
    return terminalProgress({ out: terminal.stdout, err: terminal.stderr }, colours(terminal, values));
  }
  const { plainProgress } = await import('../progress/plain.ts');
  const streams = { out: json ? terminal.stderr : terminal.stdout, err: terminal.stderr };
  return { progress: plainProgress(streams, quiet), end: () => undefined };
}

/** What commander found wrong, in our form; its help and version are no errors. */
function asUsage(error: unknown, args: readonly string[]): unknown {
  if (!(error instanceof CommanderError)) return error;
  if (error.exitCode === 0) return new CanaryError({ code: error.code, message: '', exitCode: ExitCode.done });
  const name = args.find((arg) => !arg.startsWith('-'));
  const known = name !== undefined && commands.some(([path]) => path[0] === name);
  if (error.code === 'commander.help') return usageError('No command was given.', `ecs-canary ${known ? `${name} ` : ''}--help`);
  const given = /^error: unknown option '(--[\w-]+)=/.exec(error.message)?.[1];
  const options = commands.flatMap(([path, command]) => (path[0] === name ? [...command.options] : [])).concat(globalOptions());
  if (given !== undefined && options.some(({ long }) => long === given)) return usageError(`${given} takes no value.`, `ecs-canary ${name} --help`);
  return usageError(sentence(error.message.replace(/^error: /, '').replaceAll('\n', ' ').replace(/\.$/, '')), `ecs-canary ${known ? `${name} ` : ''}--help`);
}
