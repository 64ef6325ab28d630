import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerReader } from './answer-reader.ts';

type Seen = {
  status: number;
  headers: readonly string[];
  body: string;
  end: 'more' | 'reusable' | 'not reusable' | 'invalid';
  rest: string;
};

/** Reads pieces as they come from a connection. */
function read(pieces: readonly Buffer[], method = 'GET'): Seen {
  const reader = new AnswerReader({ method, upgrade: false });
  const seen: Seen = { status: 0, headers: [], body: '', end: 'more', rest: '' };
  for (const piece of pieces) {
    if (seen.end !== 'more') {
      seen.rest += piece.toString('latin1');
      continue;
    }
    let bytes: Buffer | undefined = piece;
    while (bytes !== undefined && seen.end === 'more') {
      const step = reader.next(bytes);
      bytes = step.rest;
      if (step.kind === 'head') Object.assign(seen, { status: step.head.status, headers: step.head.headers });
      else if (step.kind === 'data') seen.body += step.data.toString('latin1');
      else if (step.kind === 'invalid') seen.end = 'invalid';
      else if (step.kind === 'end') {
        seen.end = step.reusable ? 'reusable' : 'not reusable';
        seen.rest += step.rest.toString('latin1');
      }
    }
  }
  return seen;
}

const cut = (bytes: Buffer, at: readonly number[]): readonly Buffer[] => {
  const edges = [0, ...at.map((n) => n % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
};

const answers = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nx-trailer: 1\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx',
  'HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno',
];

describe('reading the answers of instances', () => {
  test('an answer reads the same in whatever pieces it comes, and what follows it is left over', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...answers),
        fc.array(fc.nat(500), { maxLength: 40 }),
        fc.constantFrom('', 'HTTP/1.1 200 OK\r\n'),
        (answer, at, more) => {
          const bytes = Buffer.from(answer + more, 'latin1');
          const whole = read([bytes]);
          expect(['reusable', 'not reusable']).toContain(whole.end);
          expect(whole.rest).toBe(more);
          expect(read(cut(bytes, at))).toEqual(whole);
        },
      ),
    );
  });

  test('a body ends where its framing says; a connection is used again only when both sides agree', () => {
    expect(answers.map((answer) => [read([Buffer.from(answer)]).body, read([Buffer.from(answer)]).end])).toEqual([
      ['hello', 'reusable'],
      ['abc0123456789', 'reusable'],
      ['', 'reusable'],
      ['', 'not reusable'],
      ['x', 'not reusable'],
      ['no', 'not reusable'],
    ]);
    expect(read([Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')], 'HEAD').end).toBe('not reusable');
    expect(read([Buffer.from('HTTP/1.1 200 OK\r\n\r\nuntil closed')])).toMatchObject({ body: 'until closed', end: 'more' });
  });

  test('garbage never reads as a whole answer, and never throws', () => {
    fc.assert(
      fc.property(fc.constantFrom(...answers), fc.nat(300), fc.uint8Array({ minLength: 1, maxLength: 4 }), (answer, at, noise) => {
        const bytes = Buffer.from(answer);
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - (at % bytes.length))), at % bytes.length);
        read([bytes]);
      }),
    );
    for (const bytes of [
      '\r\n\r\n',
      'HTTP/2 200\r\n\r\n',
      'HTTP/1.1 200 OK\r\n: x\r\n\r\n',
      'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n',
      `HTTP/1.1 200 OK\r\na: ${'x'.repeat(70_000)}`,
    ]) {
      expect(read([Buffer.from(bytes)]).end).toBe('invalid');
    }
    for (const chunks of ['5\r\nhelloX\r\n', '-1\r\n', '0x5\r\nhello\r\n', ' 5\r\n', 'f'.repeat(20)]) {
      expect(read([Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${chunks}\r\n`)]).end).toBe('invalid');
    }
  });

  test('thousands of interim answers or trailers in one piece read like a few', () => {
    const hints = Buffer.from(`${'HTTP/1.1 103\r\n\r\n'.repeat(4_000)}HTTP/1.1 204 Done\r\n\r\n`);
    expect(read([hints])).toMatchObject({ status: 204, end: 'not reusable' });
    const trailers = Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${'x\r\n'.repeat(21_000)}\r\n`);
    expect(read([trailers])).toMatchObject({ status: 200, end: 'reusable' });
  });

  test('a long chunk extension or trailer is taken or refused whatever the pieces', () => {
    for (const [length, end] of [
      [10_000, 'reusable'],
      [20_000, 'invalid'],
    ] as const) {
      for (const line of [`2;x=${'y'.repeat(length)}\r\nok\r\n0\r\n\r\n`, `0\r\nx: ${'y'.repeat(length)}\r\n\r\n`]) {
        const bytes = Buffer.from(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${line}`);
        expect([length, read([bytes]).end, read(cut(bytes, [bytes.length - 20])).end]).toEqual([length, end, end]);
      }
    }
  });
});
