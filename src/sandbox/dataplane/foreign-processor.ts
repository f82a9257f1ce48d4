/** Images for another processor than the task's. */
import { commandLine } from './container-launch.ts';
import type { ContainerOrder, PulledImage, RunningContainer } from './runner.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { X86_64: 'amd64', ARM64: 'arm64' };
/** What Linux and runc make of a program for another processor. */
const EXEC_FORMAT_ERROR = 255;

/** Whether the image is for the processor that the task definition names. */
export function canExecute({ cpuArchitecture }: ContainerOrder, { architecture }: PulledImage): boolean {
  return ARCHITECTURES[cpuArchitecture] === architecture;
}

/** Such a container does start, on AWS too: it ends at once, and only its log says why. */
export function refuseToExecute(order: ContainerOrder, image: PulledImage): RunningContainer {
  order.output(`exec ${commandLine(order, image)[0]}: exec format error`);
  setImmediate(() => order.exited(EXEC_FORMAT_ERROR));
  return { ports: {}, async stop() {}, kill() {} };
}
