import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from './metrics.ts';

test('requests are counted by status, latencies in cumulative buckets, breaches by limit', () => {
  const metrics = new Metrics();
  metrics.answered(201, 0.000_04);
  metrics.answered(201, 0.000_2);
  metrics.answered(500, 9);
  metrics.breached('order-size');
  const lines = metrics.render({ exchange_sessions: 3 }).split('\n');
  for (const line of [
    'http_requests_total{status="201"} 2',
    'http_requests_total{status="500"} 1',
    'http_request_duration_seconds_bucket{le="0.00005"} 1',
    'http_request_duration_seconds_bucket{le="0.0002"} 2',
    'http_request_duration_seconds_bucket{le="5"} 2',
    'http_request_duration_seconds_bucket{le="+Inf"} 3',
    'http_request_duration_seconds_count 3',
    'exchange_limit_breaches_total{limit="order-size"} 1',
    'exchange_sessions 3',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});
