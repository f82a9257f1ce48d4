/** The rolling plan, on generated services: it never goes beyond its limits, and always arrives. */
import * as fc from 'fast-check';
import { type ServiceView, type TaskView, planStep } from '../../src/sandbox/world/ecs/rolling.ts';

const health = fc.constantFrom('starting' as const, 'healthy' as const, 'unhealthy' as const);
const deploymentId = fc.constantFrom('new', 'old', 'older');
const tasks = fc.array(fc.record({ deploymentId, health }), { maxLength: 12 })
  .map((list): TaskView[] => list.map((task, index) => ({ ...task, taskArn: `t${index}` })));
const view = fc.record({
  desiredCount: fc.integer({ min: 0, max: 12 }),
  minimumHealthyPercent: fc.integer({ min: 0, max: 100 }),
  maximumPercent: fc.integer({ min: 100, max: 200 }),
  tasks,
}).map((generated): ServiceView => ({ ...generated, primaryId: 'new', mayLaunch: true, hasFailed: false }));

const isHealthy = (task: TaskView) => task.health === 'healthy';
const minimumOf = ({ desiredCount, minimumHealthyPercent }: ServiceView) => Math.ceil((desiredCount * minimumHealthyPercent) / 100);
const maximumOf = ({ desiredCount, maximumPercent }: ServiceView) => Math.floor((desiredCount * maximumPercent) / 100);

/** The tasks that stay. */
function keptBy(service: ServiceView): TaskView[] {
  const { stopForScaling, stopAsUnhealthy } = planStep(service);
  return service.tasks.filter((task) => !stopForScaling.includes(task) && !stopAsUnhealthy.includes(task));
}

test('healthy tasks are stopped only down to the minimum', () => {
  fc.assert(fc.property(view, (service) => {
    const before = service.tasks.filter(isHealthy).length;
    const after = keptBy(service).filter(isHealthy).length;
    expect(after).toBeGreaterThanOrEqual(Math.min(before, minimumOf(service)));
  }));
});

test('tasks are launched only up to the maximum, and no more than ten at once', () => {
  fc.assert(fc.property(view, (service) => {
    const { launch } = planStep(service);
    expect(launch).toBeLessThanOrEqual(10);
    if (launch > 0) {
      expect(launch + keptBy(service).length).toBeLessThanOrEqual(maximumOf(service));
    }
  }));
});

test('a failed deployment launches nothing', () => {
  fc.assert(fc.property(view, (service) => planStep({ ...service, mayLaunch: false, hasFailed: true }).launch === 0));
});

test('where new tasks get healthy, a service arrives at its count of new ones, all healthy', () => {
  // With 100 % of one task as both limits nothing could ever be replaced: AWS refuses such limits.
  const able = view.filter((service) => maximumOf(service) > minimumOf(service) || service.desiredCount === 0);
  fc.assert(fc.property(able, (generated) => {
    let service = generated;
    for (let step = 0; step < 60; step += 1) {
      const launched = Array.from({ length: planStep(service).launch }, (_, index): TaskView => (
        { taskArn: `n${step}-${index}`, deploymentId: 'new', health: 'starting' }
      ));
      const grown = keptBy(service).map((task): TaskView => (task.health === 'starting' ? { ...task, health: 'healthy' } : task));
      service = { ...service, tasks: [...grown, ...launched] };
    }
    expect(service.tasks.map(({ deploymentId, health }) => ({ deploymentId, health })))
      .toEqual(Array.from({ length: service.desiredCount }, () => ({ deploymentId: 'new', health: 'healthy' })));
  }));
});
