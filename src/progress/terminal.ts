/** Events on a terminal: a spinner while something is awaited, a coloured line that stays once it is done. */
import type { ChalkInstance } from 'chalk';
import ora from 'ora';
import type { Progress } from './events.ts';
import { lineOf } from './lines.ts';
import type { Streams } from './plain.ts';

export interface TerminalProgress {
  readonly progress: Progress;
  /** Takes the spinner off the screen. */
  end(): void;
}

export function terminalProgress({ out, err }: Streams, chalk: ChalkInstance): TerminalProgress {
  const spinner = ora({ stream: out, isEnabled: true, discardStdin: false, hideCursor: false });
  const spin = (text: string) => (spinner.isSpinning ? (spinner.text = text) : spinner.start(text));
  const keep = (symbol: string, text: string) => spinner.stopAndPersist({ symbol, text });

  return {
    progress(event) {
      const line = lineOf(event);
      if (event.type === 'upload') {
        spin(`Pushing ${Math.round((100 * event.sent) / Math.max(1, event.total))}%`);
        return;
      }
      if (event.type === 'pause') {
        spin(event.text);
        return;
      }
      if (line === undefined) return;
      switch (event.type) {
        case 'tasks-waiting':
          keep(' ', line);
          break;
        case 'tasks-starting':
        case 'route-updating':
        case 'waiting':
        case 'throttled':
        case 'resource':
          spin(line);
          break;
        case 'tasks-started':
        case 'route-updated':
          keep(chalk.green('✔'), line);
          break;
        case 'old-replaced':
          keep(chalk.green('✔'), chalk.bold(line));
          break;
        case 'warning':
        case 'hazard':
          if (spinner.isSpinning) spinner.stop();
          err.write(`${chalk.yellow(line)}\n`);
          break;
        case 'output':
          if (spinner.isSpinning) spinner.stop();
          err.write(`${line}\n`);
          break;
        case 'rules-modified':
        case 'flow':
        case 'tasks-scaling':
          keep(' ', line);
          break;
      }
    },
    end() {
      if (spinner.isSpinning) spinner.stop();
    },
  };
}
