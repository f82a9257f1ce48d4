import type { ResourceChange, StackEvent } from '../../src/aws/cloudformation.ts';
import { changeTable } from '../../src/cli/change-table.ts';
import { inWords, needsConsent } from '../../src/infra/stack-changes.ts';
import { causeOf } from '../../src/infra/stack-operation.ts';

const change = (action: string, replacement?: string, resource = 'Thing', kind = 'AWS::ECS::Cluster'): ResourceChange => ({ action, resource, kind, replacement });

test.each([
  ['Add', undefined, 'added', false],
  ['Import', undefined, 'imported', false],
  ['Modify', 'False', 'changed', false],
  ['Modify', 'True', 'replaced', true],
  ['Modify', 'Conditional', 'replaced?', true],
  ['Remove', undefined, 'removed', true],
  ['Dynamic', undefined, 'replaced?', true],
  ['WhateverComesLater', undefined, 'replaced?', true],
])('%s with replacement %s is %s, and needs consent: %s', (action, replacement, word, asks) => {
  const [found] = inWords([change(action, replacement)]);
  expect(found && [found.change, needsConsent(found)]).toEqual([word, asks]);
});

test('the table stays within 80 characters: it shortens types, and never what happens to which resource', () => {
  const long = 'InternalLoadBalancerSecurityGroupX';
  const table = changeTable(inWords([
    change('Remove', undefined, long, 'AWS::ElasticLoadBalancingV2::ListenerCertificate'),
    change('Modify', 'True', 'Blue', 'AWS::ElasticLoadBalancingV2::TargetGroup'),
    change('Add'),
  ]));
  expect(table).toEqual([
    `  added     Thing${' '.repeat(29)}  ECS::Cluster`,
    `  replaced  Blue${' '.repeat(30)}  ElasticLoadBalancingV2::TargetGroup`.slice(0, 79) + '…',
    `  removed   ${long}  ElasticLoadBalancingV2::ListenerCertificate`.slice(0, 79) + '…',
  ]);
  expect(changeTable(inWords([change('Add')]))).toEqual(['  added  Thing  AWS::ECS::Cluster']);
});

const STACK = 'AWS::CloudFormation::Stack';
let number = 0;
const event = (resource: string, status: string, reason?: string, kind = 'AWS::ECS::Cluster'): StackEvent => ({
  id: String(number++), operation: 'mine', resource, kind, status, reason,
});

test('the cause is what failed by itself, not what was given up or undone because of it', () => {
  expect(causeOf([
    event('fleet', 'CREATE_IN_PROGRESS', 'User Initiated', STACK),
    event('Group', 'CREATE_FAILED', 'Resource creation cancelled'),
    event('Balancer', 'CREATE_FAILED', 'Resource handler returned message: "Too many (Service: ElbV2, Status Code: 400, Request ID: 1)" (RequestToken: 2, HandlerErrorCode: X)'),
    event('Role', 'CREATE_FAILED', 'Resource creation cancelled'),
    event('fleet', 'ROLLBACK_IN_PROGRESS', 'The following resource(s) failed to create: [Balancer, Role]. Rollback requested by user.', STACK),
    event('Vpc', 'DELETE_FAILED', 'has dependencies'),
    event('fleet', 'ROLLBACK_FAILED', 'The following resource(s) failed to delete: [Vpc].', STACK),
  ])).toBe(': Balancer (AWS::ECS::Cluster): Too many.');
});

test('a cause may have cancelled in its own words; others that failed by themselves are named', () => {
  expect(causeOf([
    event('Balancer', 'UPDATE_FAILED', 'The request was cancelled by a policy'),
    event('Role', 'UPDATE_FAILED', 'Access denied.'),
    event('Group', 'UPDATE_FAILED', 'Resource update cancelled'),
    event('fleet', 'UPDATE_ROLLBACK_IN_PROGRESS', 'The following resource(s) failed to update: [Balancer].', STACK),
  ])).toBe(': Balancer (AWS::ECS::Cluster): The request was cancelled by a policy. Failed as well: Role.');
});

test('where no resource failed the stack says why; a deletion that fails is a cause itself', () => {
  expect(causeOf([
    event('Cluster', 'CREATE_COMPLETE'),
    event('fleet', 'ROLLBACK_IN_PROGRESS', 'Output Url is malformed. ', STACK),
    event('Cluster', 'DELETE_COMPLETE'),
  ])).toBe(': Output Url is malformed.');
  expect(causeOf([
    event('Vpc', 'DELETE_FAILED', 'has dependencies'),
    event('fleet', 'DELETE_FAILED', 'The following resource(s) failed to delete: [Vpc].', STACK),
  ])).toBe(': Vpc (AWS::ECS::Cluster): has dependencies.');
  expect(causeOf([])).toBe('.');
});
