import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { asLine, LineReader, LineTooLong, MAX_LINE } from './index.ts';

test('messages survive any cut of the stream into chunks', () => {
  const messages = fc.array(fc.record({ n: fc.nat(), text: fc.string({ unit: 'grapheme' }) }, { noNullPrototype: true }), {
    maxLength: 10,
  });
  fc.assert(
    fc.property(messages, fc.array(fc.nat(), { maxLength: 20 }), (sent, cuts) => {
      const stream = sent.map(asLine).join('');
      const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
      const reader = new LineReader();
      const read = places.flatMap((place, index) => reader.read(stream.slice(place, places[index + 1] ?? stream.length)));
      assert.deepEqual(
        read.map((line) => JSON.parse(line) as object),
        sent,
      );
    }),
  );
});

test('a peer that never ends its line is cut off instead of filling the memory', () => {
  const reader = new LineReader();
  reader.read('x'.repeat(MAX_LINE));
  assert.throws(() => reader.read('x'), LineTooLong);
});
