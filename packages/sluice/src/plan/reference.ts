import { didYouMean } from '#kernel';
import { member, shown, type Report } from './problem.ts';
import { closure, cycles, type Needs } from './order.ts';
import { isRecord } from './shape.ts';

/**
 * Reports every name that stands for nothing. It reads data whose shape may be wrong elsewhere, so that a user sees all mistakes together, and
 * passes over what it cannot read.
 */
export function checkReferences(delivery: Readonly<Record<string, unknown>>, report: Report): void {
  const jobs = membersOf(delivery['jobs']);
  const gates = membersOf(delivery['gates']);
  const services = membersOf(delivery['services']);
  const environments = membersOf(delivery['environments']);
  const needs = listsOf(jobs, 'needs');
  for (const [name, job] of jobs) checkNames(job['needs'], { known: jobs, thing: 'job', path: `${member('jobs', name)}.needs` }, report);
  reportCycles(needs, { section: 'jobs', field: 'needs' }, report);
  for (const [name, gate] of gates) checkGate(gate, { jobs, path: member('gates', name) }, report);
  for (const [name, pipeline] of membersOf(delivery['pipelines'])) {
    const path = member('pipelines', name);
    checkNames(pipeline['jobs'], { known: jobs, thing: 'job', path: `${path}.jobs` }, report);
    checkNames(pipeline['gates'], { known: gates, thing: 'gate', path: `${path}.gates` }, report);
    checkSelection(pipeline, { gates, needs, path }, report);
  }
  for (const [name, service] of services)
    checkVariables(service['env'], { known: services, where: '', path: `${member('services', name)}.env` }, report);
  for (const [name, environment] of environments)
    checkEnvironment(environment, { services, environments, path: member('environments', name) }, report);
  reportCycles(listsOf(environments, 'after'), { section: 'environments', field: 'after' }, report);
  checkPorts(environments, report);
  checkGrants(membersOf(delivery['secrets']), { jobs, services, environments }, report);
}

type Members = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

const membersOf = (value: unknown): Members =>
  new Map(isRecord(value) ? Object.entries(value).map(([name, item]) => [name, isRecord(item) ? item : {}]) : []);

const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((item: unknown): item is string => typeof item === 'string') : [];

const listsOf = (members: Members, field: string): Needs => new Map([...members].map(([name, item]) => [name, textsOf(item[field])]));

type Names = { readonly known: Members; readonly thing: string; readonly path: string };

function checkNames(value: unknown, { known, thing, path }: Names, report: Report): void {
  if (!Array.isArray(value)) return;
  const names: readonly unknown[] = value;
  names.forEach((name, at) => {
    if (typeof name !== 'string') return;
    if (!known.has(name)) report(`${path}[${at}]`, `no ${thing} ${shown(name)}.${didYouMean(name, [...known.keys()])}`);
    else if (names.indexOf(name) < at) report(`${path}[${at}]`, `${shown(name)} is named twice`);
  });
}

function reportCycles(needs: Needs, { section, field }: { readonly section: string; readonly field: string }, report: Report): void {
  for (const cycle of cycles(needs)) report(`${member(section, cycle[0] ?? '')}.${field}`, `a cycle: ${cycle.join(' → ')}`);
}

const formats: Readonly<Record<string, { readonly format: string; readonly maker: string }>> = {
  tests: { format: 'junit', maker: 'junit(…)' },
  coverage: { format: 'lcov', maker: 'lcov(…)' },
};

function checkGate(
  gate: Readonly<Record<string, unknown>>,
  { jobs, path }: { readonly jobs: Members; readonly path: string },
  report: Report,
): void {
  checkNames(gate['from'], { known: jobs, thing: 'job', path: `${path}.from` }, report);
  const kind = gate['kind'];
  const wanted = typeof kind === 'string' && Object.hasOwn(formats, kind) ? formats[kind] : undefined;
  if (wanted === undefined) return;
  textsOf(gate['from']).forEach((name, at) => {
    const reports = jobs.get(name)?.['reports'];
    if (!Array.isArray(reports)) return;
    if (!reports.some((each: unknown) => isRecord(each) && each['format'] === wanted.format))
      report(`${path}.from[${at}]`, `job ${shown(name)} leaves no such report. Add reports: [${wanted.maker}] to it`);
  });
}

type Selection = { readonly gates: Members; readonly needs: Needs; readonly path: string };

/** A gate over a job that does not run could only ever be inconclusive. */
function checkSelection(pipeline: Readonly<Record<string, unknown>>, { gates, needs, path }: Selection, report: Report): void {
  const selected = closure(textsOf(pipeline['jobs']), needs);
  textsOf(pipeline['gates']).forEach((name, at) => {
    const absent = textsOf(gates.get(name)?.['from']).filter((job) => needs.has(job) && !selected.has(job));
    if (absent.length > 0)
      report(`${path}.gates[${at}]`, `gate ${shown(name)} judges ${absent.map(shown).join(', ')}, which this pipeline does not run`);
  });
}

type Addresses = { readonly known: Members; readonly where: string; readonly path: string };

function checkVariables(env: unknown, { known, where, path }: Addresses, report: Report): void {
  if (!isRecord(env)) return;
  for (const [name, value] of Object.entries(env)) {
    const service = isRecord(value) && value['kind'] === 'address-of' ? value['service'] : undefined;
    if (typeof service === 'string' && !known.has(service))
      report(member(path, name), `no service ${shown(service)}${where}.${didYouMean(service, [...known.keys()])}`);
  }
}

type Places = { readonly services: Members; readonly environments: Members; readonly path: string };

function checkEnvironment(environment: Readonly<Record<string, unknown>>, { services, environments, path }: Places, report: Report): void {
  checkNames(environment['after'], { known: environments, thing: 'environment', path: `${path}.after` }, report);
  const here = membersOf(environment['services']);
  for (const [name, differs] of here) {
    const at = member(`${path}.services`, name);
    const defined = services.get(name);
    if (defined === undefined) report(at, `no service ${shown(name)}.${didYouMean(name, [...services.keys()])}`);
    checkVariables(differs['env'], { known: here, where: ' in this environment', path: `${at}.env` }, report);
    const own = isRecord(defined?.['env']) ? defined['env'] : {};
    const over = isRecord(differs['env']) ? differs['env'] : {};
    for (const [variable, value] of Object.entries(own)) {
      const service = isRecord(value) && value['kind'] === 'address-of' ? value['service'] : undefined;
      if (typeof service !== 'string' || Object.hasOwn(over, variable) || here.has(service) || !services.has(service)) continue;
      report(at, `its ${variable} is the address of ${shown(service)}, which does not run in this environment`);
    }
  }
}

type Granted = { readonly jobs: Members; readonly services: Members; readonly environments: Members };

/** Grants name what is there, and whoever names a secret has it granted: a name that nobody granted is refused before anything runs. */
function checkGrants(grants: Members, { jobs, services, environments }: Granted, report: Report): void {
  for (const [name, given] of grants) {
    const path = member('secrets', name);
    checkNames(given['jobs'], { known: jobs, thing: 'job', path: `${path}.jobs` }, report);
    checkNames(given['services'], { known: services, thing: 'service', path: `${path}.services` }, report);
    checkNames(given['environments'], { known: environments, thing: 'environment', path: `${path}.environments` }, report);
    if (textsOf(given['services']).length > 0 && textsOf(given['environments']).length === 0)
      report(path, "it names services and no environment. Add environments: ['…']");
  }
  const granted = (name: string, list: string, to: string): boolean => textsOf(grants.get(name)?.[list]).includes(to);
  for (const [job, { secrets }] of jobs) {
    textsOf(secrets).forEach((name, at) => {
      if (!granted(name, 'jobs', job))
        report(
          `${member('jobs', job)}.secrets[${at}]`,
          `${shown(name)} is not granted to it. Add secrets: { ${name}: grant({ jobs: [${shown(job)}] }) } to the delivery`,
        );
    });
  }
  for (const [environment, { services: here }] of environments) {
    for (const service of membersOf(here).keys()) {
      for (const name of textsOf(services.get(service)?.['secrets'])) {
        if (granted(name, 'services', service) && granted(name, 'environments', environment)) continue;
        const fact = `its secret ${shown(name)} is not granted here`;
        const way = `Add secrets: { ${name}: grant({ services: [${shown(service)}], environments: [${shown(environment)}] }) } to the delivery`;
        report(member(`${member('environments', environment)}.services`, service), `${fact}. ${way}`);
      }
    }
  }
}

function checkPorts(environments: Members, report: Report): void {
  const taken = new Map<number, string>();
  for (const [name, environment] of environments) {
    for (const [service, differs] of membersOf(environment['services'])) {
      const path = `${member(`${member('environments', name)}.services`, service)}.listen`;
      const port = differs['listen'];
      if (typeof port !== 'number') continue;
      const other = taken.get(port);
      if (other === undefined) taken.set(port, path);
      else report(path, `port ${port} is also that of ${other}`);
    }
  }
}
