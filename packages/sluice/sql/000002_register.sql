-- Who may do what is folded from the signed record; these rows hold what the record must not: names, addresses, reasons, and changes that wait for a signature.

-- People who registered themselves count no more: the first ones are named by whoever starts the control plane (serve --people).
delete from person;

-- Locked by whoever changes the register, so that one change comes after the other. The record has the same number.
create table register (
  only_one boolean primary key default true check (only_one),
  version  bigint not null
);
insert into register (version) values (0);

create table register_change (
  number     bigint generated always as identity primary key,
  state      text not null,
  version    bigint not null,
  document   jsonb not null,
  created_at timestamptz not null
);
create index register_change_waiting on register_change (number) where state = 'waiting';

-- Signed requests that were taken: none of them is taken twice.
create table request_nonce (
  nonce      text primary key,
  expires_at timestamptz not null
);
create index request_nonce_by_age on request_nonce (expires_at);
