import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { startOf } from './proc.ts';
import { StepGroups } from './step-groups.ts';

const task = { name: 'run.1', leash: '/nowhere/log' };

test('a group is forgotten when its leader was waited for and nobody is left in it or in its session, and not before', async () => {
  const groups = new StepGroups();
  const step = spawn('/bin/true', { detached: true, stdio: 'ignore' });
  const leader = { pid: step.pid!, startTicks: startOf(step.pid!)! };
  groups.add(task, leader);
  await new Promise((resolve) => step.once('exit', resolve));
  groups.forgetEmpty(() => false);
  expect(groups.of(task)).toEqual([leader.pid]);
  groups.leaderEnded(leader);
  groups.forgetEmpty((session) => session === leader.pid);
  expect(groups.of(task)).toEqual([leader.pid]);
  groups.forgetEmpty(() => false);
  expect(groups.of(task)).toEqual([]);
});

test('a number that a step of another task got belongs to that task alone', () => {
  const groups = new StepGroups();
  const other = { name: 'run.2', leash: '/nowhere/other' };
  groups.add(task, { pid: 2 ** 30, startTicks: 1 });
  groups.add(other, { pid: 2 ** 30, startTicks: 2 });
  groups.leaderEnded({ pid: 2 ** 30, startTicks: 1 });
  groups.forget(task);
  groups.forgetEmpty(() => false);
  expect(groups.of(other)).toEqual([2 ** 30]);
});
