/** Metrics as they come in, look by look. */
import { connectAws } from '../../src/aws/aws.ts';
import type { Minute } from '../../src/aws/cloudwatch.ts';
import type { ProgressEvent } from '../../src/progress/events.ts';
import { type BoundsWatch, watchBounds } from '../../src/release/bounds-watch.ts';
import type { Session } from '../../src/release/operations.ts';

const minute = (requests: number, errors: number): Minute => ({ requests, errors, latency: 5 });

/** @param answers of CloudWatch, one a look; an error is thrown. */
async function watching(answers: readonly (readonly Minute[] | Error)[]): Promise<{ watch: BoundsWatch; events: ProgressEvent[] }> {
  const left: (readonly Minute[] | Error)[] = [[], ...answers];
  const aws = connectAws({ region: 'eu-central-1', endpointUrl: 'http://127.0.0.1:9' });
  const minutes = async () => {
    const answer = left.shift() ?? [];
    if (answer instanceof Error) throw answer;
    return [...answer];
  };
  const events: ProgressEvent[] = [];
  const session: Session = {
    aws: { ...aws, metrics: { ...aws.metrics, minutes } },
    progress: (event) => events.push(event),
    wait: () => { throw new Error('nothing is waited for here'); },
    author: { by: 'someone@here', command: 'update --tag 1.0', host: 'here', pid: process.pid },
    dryRun: false,
  };
  const bounds = { max5xx: 1, maxLatency: undefined };
  return { watch: await watchBounds({ version: '1.0', loadBalancer: 'lb', targetGroup: 'green', bounds }, session), events };
}

test('errors that are reported after the requests they belong to are still found', async () => {
  const { watch } = await watching([[], [minute(500, 0)], [minute(500, 50)]]);
  await watch.look();
  await watch.look();
  expect(watch.isOpen()).toBe(true);
  await expect(watch.look()).rejects.toMatchObject({ code: 'too-many-5xx', message: 'The canary left its bounds: 10% of 500 requests ended with a 5xx, and 1% may.' });
});

test('what two looks agree on is told', async () => {
  const { watch, events } = await watching([[minute(500, 0)], [minute(500, 5)]]);
  await watch.look();
  await watch.look();
  expect(watch.isOpen()).toBe(false);
  watch.conclude(25);
  expect(events).toEqual([{ type: 'flow', text: '1.0 keeps to its bounds at 25%: 1% of 500 requests ended with a 5xx.' }]);
});

test('answers that do not come are no verdict, and are named when nothing else came', async () => {
  const { watch } = await watching([new Error('the line is cut'), new Error('the line is cut')]);
  await watch.look();
  await watch.look();
  expect(watch.isOpen()).toBe(true);
  expect(() => watch.conclude(25)).toThrow(
    expect.objectContaining({
      code: 'bounds-unchecked',
      exitCode: 4,
      message: 'Whether 1.0 keeps to its bounds at 25% could not be told: the line is cut.',
      next: 'ecs-canary rollback, or ecs-canary update --tag 1.0   (with a longer --hold, or none as the bound)',
    }),
  );
});

test('with another weight everything is open again', async () => {
  const { watch } = await watching([[minute(500, 0)], [minute(500, 0)]]);
  await watch.look();
  await watch.look();
  watch.begin();
  expect(watch.isOpen()).toBe(true);
  expect(() => watch.conclude(50)).toThrow('Whether 1.0 keeps to its bounds at 50% could not be told: no metrics of its requests came.');
});
