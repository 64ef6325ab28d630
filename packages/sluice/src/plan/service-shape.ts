import { globShape } from './job-shape.ts';
import { names } from './name.ts';
import { member, shown } from './problem.ts';
import { anyText, duration, isRecord, list, object, oneOf, record, share, text, variant, whole, type Rule } from './shape.ts';

const kind: Rule = text();
const urlPath: Rule = text({ pattern: /^\/\S*$/, what: 'a path (/…)' });
const looks: Rule = whole(1, 100);
const rhythm = {
  kind: { rule: kind },
  interval: { rule: duration() },
  timeout: { rule: duration() },
  rise: { rule: looks, optional: true },
  fall: { rule: looks, optional: true },
} as const;

const healthShape: Rule = variant('http(…) or connect()', {
  http: object('http(…)', { ...rhythm, path: { rule: urlPath } }),
  connect: object('connect()', rhythm),
});

const given = /^(?:PORT|HOST|SLUICE_.*)$/;
/** A number that a variable can say in plain digits. */
const limitValue: Rule = (value, path, report) => {
  const plain = typeof value === 'number' && /^-?\d{1,15}(?:\.\d{1,9})?$/.test(String(value));
  if (!plain) report(path, `expected a number of at most 15 digits, got ${shown(value)}`);
};
const unit = { pattern: /^[\p{L}%][\p{L}\p{N} /%.-]{0,31}$/u, what: 'a unit of at most 32 letters' };

const reference: Rule = variant("a text, limit(…), addressOf('…') or folder('…')", {
  limit: object('limit(…)', {
    kind: { rule: kind },
    value: { rule: limitValue },
    unit: { rule: text(unit) },
    safer: { rule: oneOf(['lower', 'higher']) },
  }),
  'address-of': object('addressOf(…)', { kind: { rule: kind }, service: { rule: text() } }),
  folder: object('folder(…)', { kind: { rule: kind }, name: { rule: text(names.thing) } }),
});
const variable: Rule = (value, path, report) => (typeof value === 'string' ? anyText : reference)(value, path, report);
const variablesShape: Rule = (value, path, report) => {
  record(names.variable, variable)(value, path, report);
  if (!isRecord(value)) return;
  for (const name of Object.keys(value)) if (given.test(name)) report(member(path, name), 'Sluice gives this one to every instance');
};

const startShape: Rule = (value, path, report) => {
  list(anyText, 'some')(value, path, report);
  if (Array.isArray(value) && value.length > 0) text()(value[0], `${path}[0]`, report);
};

const smokeShape: Rule = object('get(…)', {
  method: { rule: oneOf(['GET']) },
  path: { rule: urlPath },
  status: { rule: whole(100, 599) },
  contains: { rule: text(), optional: true },
});

/** What header, cookie and parameter names may hold: tokens, so that none of them can end a line or another name. */
const keyName = { pattern: /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}$/, what: 'the name of a header, a cookie or a query parameter' };
const stickyShape: Rule = object('byHeader(…), byCookie(…) or byQuery(…)', {
  from: { rule: oneOf(['header', 'cookie', 'query']) },
  name: { rule: text(keyName) },
});

/** A service as `service({ … })` makes it. */
export const serviceShape: Rule = (value, path, report) => {
  serviceFields(value, path, report);
  if (isRecord(value) && value['sticky'] !== undefined && value['traffic'] === 'connection')
    report(member(path, 'sticky'), "a raw connection names nobody; it is for traffic: 'request'");
};

const serviceFields: Rule = object('service({ … })', {
  files: { rule: list(globShape, 'some') },
  start: { rule: startShape },
  traffic: { rule: oneOf(['request', 'connection']) },
  sticky: { rule: stickyShape, optional: true },
  health: { rule: healthShape },
  smoke: { rule: list(smokeShape) },
  env: { rule: variablesShape },
  secrets: { rule: list(text(names.variable)) },
  instances: { rule: whole(1, 1_000) },
  startWithin: { rule: duration() },
  stopWithin: { rule: duration() },
});

/** A thousand tebibytes: more than any machine has. */
const mostBytes = 2 ** 50;

const triggerShape: Rule = variant('errorRate(…), latency(…), healthFailures(…), restarts(…), memory(…), memoryGrowth(…) or cpu(…)', {
  'error-rate': object('errorRate(…)', { kind: { rule: kind }, above: { rule: share }, for: { rule: duration() } }),
  latency: object('latency(…)', {
    kind: { rule: kind },
    quantile: { rule: oneOf(['p50', 'p95', 'p99', 'p999']) },
    above: { rule: duration() },
    for: { rule: duration() },
  }),
  'health-failures': object('healthFailures(…)', { kind: { rule: kind }, inARow: { rule: whole(1, 1_000) } }),
  restarts: object('restarts(…)', { kind: { rule: kind }, above: { rule: whole(0, 1_000) } }),
  memory: object('memory(…)', { kind: { rule: kind }, above: { rule: whole(1, mostBytes) }, for: { rule: duration() } }),
  'memory-growth': object('memoryGrowth(…)', {
    kind: { rule: kind },
    times: { rule: whole(2, 1_000) },
    atLeast: { rule: whole(0, mostBytes) },
    for: { rule: duration() },
  }),
  cpu: object('cpu(…)', { kind: { rule: kind }, abovePercent: { rule: whole(1, 100_000) }, for: { rule: duration() } }),
});

const stepsShape: Rule = (value, path, report) => {
  list(object('step(percent(…), …)', { weight: { rule: share }, watch: { rule: duration('or-zero') } }), 'some')(value, path, report);
  if (!Array.isArray(value)) return;
  const weights = value.map((each: unknown) => (isRecord(each) && typeof each['weight'] === 'number' ? each['weight'] : undefined));
  weights.forEach((weight, at) => {
    const before = at === 0 ? 0 : weights[at - 1];
    if (weight !== undefined && before !== undefined && weight <= before)
      report(`${path}[${at}]`, 'each step must give the new slot more than the one before');
  });
  const last = weights.at(-1);
  if (last !== undefined && last !== 10_000) report(`${path}[${weights.length - 1}]`, 'the last step must be the whole: percent(100)');
};

const strategyShape: Rule = variant('blueGreen({ … })', {
  'blue-green': object('blueGreen({ … })', {
    kind: { rule: kind },
    steps: { rule: stepsShape },
    triggers: { rule: list(triggerShape) },
    minimumSample: { rule: whole(0, 1_000_000_000) },
    onInconclusive: {
      // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy, never a function: awaiting it is harmless
      rule: object('{ holdFor, then }', { holdFor: { rule: duration('or-zero') }, then: { rule: oneOf(['revert', 'stay']) } }),
    },
    probes: {
      rule: object('probes(…)', { requests: { rule: list(smokeShape, 'some') }, perSecond: { rule: whole(1, 100) } }),
      optional: true,
    },
    keepWarm: { rule: duration('or-zero') },
    drainWithin: { rule: duration('or-zero') },
  }),
});

const commitId = { pattern: /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/, what: 'the full id of a commit: a tag or a branch may move' };

const functionsShape: Rule = (value, path, report) => {
  list(text(names.thing), 'some')(value, path, report);
  if (!Array.isArray(value)) return;
  value.forEach((each, at) => value.indexOf(each) < at && report(`${path}[${at}]`, `${shown(each)} is named twice`));
};

/** Less than this no program starts with; a number below it was meant in another unit. */
const leastMemory = 16 * 1024 ** 2;
const limitsShape: Rule = object('{ memoryBytes, processes }', {
  memoryBytes: { rule: whole(leastMemory, Number.MAX_SAFE_INTEGER), optional: true },
  processes: { rule: whole(1, 1_000_000), optional: true },
});

/** An environment as `environment({ … })` makes it. */
export const environmentShape: Rule = object('environment({ … })', {
  services: {
    rule: record(
      names.thing,
      object('{ strategy, listen, env, instances, limits }', {
        strategy: { rule: strategyShape },
        listen: { rule: whole(1, 65_535), optional: true },
        env: { rule: variablesShape },
        instances: { rule: whole(1, 1_000), optional: true },
        limits: { rule: limitsShape, optional: true },
      }),
    ),
  },
  approvals: {
    rule: object('approvals(…)', { functions: { rule: functionsShape }, since: { rule: text(commitId), optional: true } }),
    optional: true,
  },
  after: { rule: list(text()) },
  wellFor: { rule: duration('or-zero'), optional: true },
  refs: { rule: list(text(names.ref), 'some'), optional: true },
});
