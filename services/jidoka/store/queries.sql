-- The SQL beyond a call of sqlite-utils. Each statement is named by the comment before it.

-- name: shape
create table meta (
  key text primary key not null,
  value text not null
) without rowid;
create table sessions (
  session_id text primary key not null,
  name text not null, title text, owner text not null, metadata text not null,
  project_path text not null, requested_path text not null, sharing text not null,
  worktree_of text, sandbox text not null, model text not null, fallbacks text not null, limits text not null,
  permission_mode text not null,
  network integer not null,
  status text not null, reason text not null, asked text not null,
  ended integer not null, error text,
  phase text not null, turn_id text, inbox text not null, calls text not null,
  waiting text not null, messages integer not null, turns integer not null,
  input_tokens integer, output_tokens integer, cost_usd real,
  host text, machine text not null, lease_s real, epoch integer not null, gone_epoch integer not null, losses text not null,
  created_at text, updated_at text,
  first_cursor integer not null, cursor integer not null,
  sequence integer not null, digest text not null
) without rowid;
create index sessions_by_age on sessions (first_cursor);
create index sessions_by_project on sessions (project_path);
create table usage (
  session_id text not null, turn_id text not null, model text not null,
  calls integer not null, input_tokens integer not null, output_tokens integer not null,
  cost_usd real,
  primary key (session_id, turn_id, model)
) without rowid;
create table conversation (
  id integer primary key,
  session_id text not null, sequence integer not null,
  kind text not null, ref text not null, text text not null
);
create index conversation_by_ref on conversation (session_id, kind, ref);

-- name: add_usage
insert into usage (session_id, turn_id, model, calls, input_tokens, output_tokens, cost_usd)
values (:session_id, :turn_id, :model, 1, :input_tokens, :output_tokens, :cost_usd)
on conflict (session_id, turn_id, model) do update set
  calls = calls + 1,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost_usd = case
    when excluded.cost_usd is null then cost_usd
    else coalesce(cost_usd, 0.0) + excluded.cost_usd
  end;

-- name: put_session
insert or replace into sessions (
  session_id, name, title, owner, metadata, project_path, requested_path, sharing, worktree_of,
  sandbox, model, fallbacks, limits, permission_mode, network, status, reason, asked, ended, error, phase, turn_id, inbox,
  calls, waiting, messages, turns, input_tokens, output_tokens, cost_usd, host, machine,
  lease_s, epoch, gone_epoch, losses, created_at, updated_at, first_cursor, cursor, sequence, digest
) values (
  :session_id, :name, :title, :owner, :metadata, :project_path, :requested_path, :sharing,
  :worktree_of, :sandbox, :model, :fallbacks, :limits, :permission_mode, :network, :status, :reason, :asked, :ended, :error,
  :phase, :turn_id, :inbox, :calls, :waiting, :messages, :turns, :input_tokens, :output_tokens,
  :cost_usd, :host, :machine, :lease_s, :epoch, :gone_epoch, :losses, :created_at, :updated_at,
  :first_cursor, :cursor, :sequence, :digest
);

-- name: get_sessions
select * from sessions where session_id in (select value from json_each(:ids));

-- name: drop_text
delete from conversation where session_id = :session_id and kind = :kind and ref = :ref;

-- name: add_text
insert into conversation (session_id, sequence, kind, ref, text)
values (:session_id, :sequence, :kind, :ref, :text);

-- name: forget_session
delete from sessions where session_id = :session_id;

-- name: forget_usage
delete from usage where session_id = :session_id;

-- name: forget_text
delete from conversation where session_id = :session_id;

-- name: set_meta
insert or replace into meta (key, value) values (:key, :value);

-- name: find
select * from sessions
where (:statuses is not null or status <> 'terminated')
  and (:statuses is null or status in (select value from json_each(:statuses)))
  and (:project is null or project_path = :project or worktree_of = :project)
  and (:before is null or first_cursor < :before)
  and (:match is null or session_id in (
    select session_id from conversation
    where id in (select rowid from conversation_fts where conversation_fts match :match)
  ))
order by first_cursor desc
limit :limit;
