-- A turn of a deployment that failed in a way nobody foresaw, and how often in a row at the same place: what bounds the tries, over restarts of the engine too.
create table setback (
  deployment text primary key references deployment (id),
  place      text not null,
  kind       text not null,
  tries      int not null,
  message    text not null,
  since      timestamptz not null,
  at         timestamptz not null
);
