/** The command line as somebody could type it again. */

/** Flags that say where a command works; whoever gave them needs them in the next command, too. */
const WHERE = ['--env-file', '--profile', '--region', '--endpoint-url', '--service'];

export interface CommandLine {
  /** The command and its options, without those that say where. */
  readonly command: string;
  /** The others: empty, or beginning with a space. */
  readonly where: string;
}

export function splitCommandLine(args: readonly string[]): CommandLine {
  const command: string[] = [];
  const where: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    const value = args[at + 1];
    if (WHERE.includes(arg) && value !== undefined) {
      where.push(arg, value);
      at += 1;
    } else if (WHERE.some((flag) => arg.startsWith(`${flag}=`))) {
      where.push(arg);
    } else {
      command.push(arg);
    }
  }
  return { command: command.map(quoted).join(' '), where: where.map((arg) => ` ${quoted(withoutPassword(arg))}`).join('') };
}

/** A text with commands of ours in it, each with the flags that say where added. */
export function withWhere(text: string, { where }: CommandLine): string {
  return text.replace(/\becs-canary (?!sandbox\b)([a-z][a-z-]*)/g, (typed) => `${typed}${where}`);
}

/** A URL can carry a name and a password, which must not stand in a log. */
function withoutPassword(arg: string): string {
  return arg.replace(/(\/\/)[^/@]*@/, '$1');
}

/** As a POSIX shell takes it for one word. */
function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`;
}
