-- State of the engine. Documents are jsonb of the domain types; columns beside them are what queries need.
-- Every mutable row carries a version: an update names the version it read, so that a writer that slept cannot overwrite what happened since.

create table deployment (
  id          text primary key,
  environment text not null,
  service     text not null,
  kind        text not null,
  active      boolean not null,
  owner       text,
  version     bigint not null,
  document    jsonb not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null
);
-- Two deployments of one service in one environment at once are refused here, whoever asks and however fast.
create unique index deployment_one_active on deployment (environment, service) where active;
create index deployment_by_age on deployment (environment, service, created_at desc);

create table rollout (
  id            text primary key,
  deployment    text not null references deployment (id),
  kind          text not null,
  active        boolean not null,
  owner         text,
  version       bigint not null,
  document      jsonb not null,
  state         jsonb not null,
  asked         jsonb,
  updated_at    timestamptz not null
);
create index rollout_active on rollout (id) where active;
create unique index rollout_of_deployment on rollout (deployment);

create table release (
  digest     text primary key,
  commit_id  text not null,
  document   jsonb not null,
  created_at timestamptz not null
);
create index release_by_commit on release (commit_id, created_at desc);

-- What was live where and when; the row without an end is live now.
create table live_release (
  environment text not null,
  service     text not null,
  release     text not null references release (digest),
  deployment  text not null references deployment (id),
  slot        text not null,
  since       timestamptz not null,
  until       timestamptz,
  primary key (environment, service, deployment)
);
create unique index live_release_now on live_release (environment, service) where until is null;

create table approval (
  deployment text not null references deployment (id),
  subject    text not null,
  person     text not null,
  document   jsonb not null,
  given_at   timestamptz not null,
  primary key (deployment, subject, person)
);

create table person (
  id         text primary key,
  document   jsonb not null,
  version    bigint not null,
  updated_at timestamptz not null
);

-- Reverts that a router journaled and that entered the ledger; the key makes each enter once.
create table journaled_revert (
  id          text primary key,
  entered     bigint generated always as identity,
  router      text not null,
  service     text not null,
  document    jsonb not null,
  recorded_at timestamptz not null
);
create index journaled_revert_cursor on journaled_revert (router, entered desc);

-- One row per running engine. Liveness is judged by whoever watches `beat` change, on its own monotonic clock: no two clocks are compared.
create table engine_lease (
  executor text primary key,
  beat     bigint not null,
  started_at timestamptz not null
);

-- The ledger. A row without a number is pending: written in the transaction of its state change, waiting for the sequencer.
create table ledger_entry (
  id          text primary key,
  seq         bigint generated always as identity,
  number      bigint unique,
  type        text not null,
  environment text,
  subject     text not null,
  chain       text not null,
  at          timestamptz not null,
  body        text not null
);
create index ledger_entry_pending on ledger_entry (seq) where number is null;
create index ledger_entry_of_chain on ledger_entry (chain, seq);
create index ledger_entry_of_subject on ledger_entry (subject, seq);

-- Tiles as of C2SP tlog-tiles: level 'entries' holds entry bundles, '0', '1', … hashes. Only full tiles and the newest partial one are kept.
create table ledger_tile (
  path  text primary key,
  bytes bytea not null
);

create table ledger_checkpoint (
  size      bigint primary key,
  root      text not null,
  note      text not null,
  signed_at timestamptz not null
);

-- The one sequencer: whoever takes the lease raises the fencing number, and every batch names it.
create table sequencer (
  only_one boolean primary key default true check (only_one),
  fencing  bigint not null,
  holder   text,
  backend  int
);
insert into sequencer (fencing) values (0);
