/** Marks a file as a gate's (`PRAGMA application_id`): the letters DGAT. */
export const APPLICATION_ID = 0x44474154;

/** The schema since which there is a tree over the events. */
export const TREE_SINCE = 5;

/**
 * Numbered, forward only, never edited once released: number N takes a database from version N - 1 to N
 * (`PRAGMA user_version`). A database of a higher version than this list is refused.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE policies (
    epoch     INTEGER PRIMARY KEY,
    snapshot  TEXT NOT NULL,
    document  TEXT NOT NULL,
    at        INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE owners (
    id           TEXT PRIMARY KEY,
    pid          INTEGER NOT NULL,
    realm        TEXT NOT NULL,
    started      TEXT NOT NULL,
    lease_until  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE jobs (
    id           TEXT NOT NULL,
    tenant_id    TEXT NOT NULL,
    trace_id     TEXT NOT NULL,
    hash         TEXT NOT NULL,
    status       TEXT NOT NULL,
    owner        TEXT,
    dispatcher   TEXT NOT NULL,
    approval_id  TEXT,
    decision     TEXT,
    reason       TEXT NOT NULL,
    constraints  TEXT,
    result       TEXT,
    commitment   TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (id, tenant_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX jobs_running ON jobs (owner) WHERE status = 'RUNNING';
  CREATE INDEX jobs_by_approval ON jobs (approval_id) WHERE approval_id IS NOT NULL;

  CREATE TABLE approvals (
    id                   TEXT PRIMARY KEY,
    key                  TEXT NOT NULL,
    tenant_id            TEXT NOT NULL,
    job_id               TEXT NOT NULL,
    trace_id             TEXT NOT NULL,
    job_hash             TEXT NOT NULL,
    snapshot             TEXT NOT NULL,
    fingerprint          TEXT NOT NULL,
    dispatcher           TEXT NOT NULL,
    state                TEXT NOT NULL,
    requirements         TEXT NOT NULL,
    requesters           TEXT NOT NULL,
    decision             TEXT NOT NULL,
    requested_at         INTEGER NOT NULL,
    expires_at           INTEGER NOT NULL,
    use_within_ms        INTEGER NOT NULL,
    rejection_stands_ms  INTEGER NOT NULL,
    resolved_at          INTEGER,
    resolved_by          TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX approvals_by_key ON approvals (key, requested_at);
  CREATE UNIQUE INDEX approvals_open ON approvals (key) WHERE state IN ('pending', 'approved');

  CREATE TABLE votes (
    approval_id   TEXT NOT NULL,
    approver_key  TEXT NOT NULL,
    approver_id   TEXT NOT NULL,
    kind          TEXT NOT NULL,
    roles         TEXT NOT NULL,
    vote          TEXT NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (approval_id, approver_key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE limits (
    bucket  TEXT NOT NULL,
    at      INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX limits_by_bucket ON limits (bucket, at);

  -- Private values and the salts of their commitments. Erasing a row leaves the log whole.
  CREATE TABLE vault (
    job_id     TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    salt       TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (job_id, tenant_id, kind)
  ) STRICT, WITHOUT ROWID;

  -- The evidence: exact canonical bytes. The other columns only find them again.
  CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    type         TEXT NOT NULL,
    trace_id     TEXT,
    approval_id  TEXT,
    bytes        BLOB NOT NULL
  ) STRICT;
  CREATE INDEX events_by_trace ON events (trace_id) WHERE trace_id IS NOT NULL;
  CREATE INDEX events_by_approval ON events (approval_id) WHERE approval_id IS NOT NULL;

  CREATE TRIGGER events_no_update BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER events_no_delete BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  CREATE TRIGGER events_in_sequence BEFORE INSERT ON events
  WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events)
  BEGIN SELECT RAISE(ABORT, 'events are appended in sequence'); END;
  `,
  `
  ALTER TABLE jobs ADD COLUMN requesters TEXT;

  ALTER TABLE approvals ADD COLUMN commitment TEXT NOT NULL DEFAULT '';
  ALTER TABLE approvals ADD COLUMN actor_key TEXT NOT NULL DEFAULT '';
  ALTER TABLE approvals ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE approvals ADD COLUMN binding TEXT NOT NULL DEFAULT 'snapshot';
  ALTER TABLE approvals ADD COLUMN derived_tags TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE approvals ADD COLUMN shown TEXT NOT NULL
    DEFAULT '{"derivedTags":[],"constraints":{},"annotations":"","before":null}';
  ALTER TABLE approvals ADD COLUMN queued_since INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE approvals ADD COLUMN decided_at INTEGER;
  ALTER TABLE approvals ADD COLUMN lifted_at INTEGER;
  ALTER TABLE approvals ADD COLUMN supersedes TEXT;
  ALTER TABLE approvals ADD COLUMN superseded_by TEXT;
  UPDATE approvals SET
    queued_since = requested_at,
    decided_at = CASE WHEN state IN ('approved', 'rejected', 'consumed') THEN resolved_at END,
    commitment = coalesce((SELECT j.commitment FROM jobs j WHERE j.id = job_id AND j.tenant_id = approvals.tenant_id), '');
  UPDATE jobs SET requesters = (SELECT a.requesters FROM approvals a WHERE a.id = approval_id)
  WHERE approval_id IS NOT NULL AND status IN ('PENDING_APPROVAL', 'THROTTLED');

  -- The queue in its order, and what lapses, is counted, or is left waiting in it.
  CREATE INDEX approvals_by_place ON approvals (queued_since, id);
  CREATE INDEX approvals_open_by_place ON approvals (queued_since, id) WHERE state IN ('pending', 'approved');
  CREATE INDEX approvals_pending ON approvals (actor_key, expires_at) WHERE state = 'pending';
  CREATE INDEX approvals_pending_by_expiry ON approvals (expires_at, id) WHERE state = 'pending';
  CREATE INDEX approvals_approved ON approvals (decided_at + use_within_ms, id) WHERE state = 'approved';
  CREATE INDEX approvals_released ON approvals (key) WHERE state = 'superseded' AND superseded_by IS NULL;
  CREATE INDEX approvals_by_actor ON approvals (actor_key, requested_at) WHERE supersedes IS NULL;
  CREATE INDEX approvals_by_decision ON approvals (decided_at) WHERE decided_at IS NOT NULL;
  CREATE INDEX approvals_ended ON approvals (resolved_at) WHERE state = 'expired';
  CREATE INDEX jobs_waiting ON jobs (approval_id, created_at)
    WHERE approval_id IS NOT NULL AND status IN ('PENDING_APPROVAL', 'THROTTLED');

  -- One person may approve and, later, reject: votes are counted, not named, and none takes the place of another.
  ALTER TABLE votes RENAME TO votes_before;
  CREATE TABLE votes (
    approval_id   TEXT NOT NULL,
    number        INTEGER NOT NULL,
    approver_key  TEXT NOT NULL,
    approver_id   TEXT NOT NULL,
    kind          TEXT NOT NULL,
    roles         TEXT NOT NULL,
    assurance     TEXT NOT NULL,
    vote          TEXT NOT NULL,
    view          TEXT,
    at            INTEGER NOT NULL,
    PRIMARY KEY (approval_id, number)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO votes (approval_id, number, approver_key, approver_id, kind, roles, assurance, vote, view, at)
  SELECT approval_id, row_number() OVER (PARTITION BY approval_id ORDER BY at, approver_key),
    approver_key, approver_id, kind, roles, 'host', vote, NULL, at
  FROM votes_before;
  -- In two steps: an approver may be named by a number, and no two names may meet halfway.
  UPDATE vault SET kind = (
    SELECT 'numbered:' || v.approval_id || ':' || v.number FROM votes v
    WHERE vault.kind = 'note:' || v.approval_id || ':' || v.approver_key)
  WHERE EXISTS (SELECT 1 FROM votes v WHERE vault.kind = 'note:' || v.approval_id || ':' || v.approver_key);
  UPDATE vault SET kind = 'note:' || substr(kind, length('numbered:') + 1) WHERE kind LIKE 'numbered:%';
  DROP TABLE votes_before;
  `,
  `
  -- Places in the pools of \`max_concurrent\`, each held until its function has ended or its owner is dead.
  CREATE TABLE slots (
    pool       TEXT NOT NULL,
    job_id     TEXT NOT NULL,
    tenant_id  TEXT NOT NULL,
    owner      TEXT NOT NULL,
    PRIMARY KEY (pool, job_id, tenant_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX slots_by_job ON slots (job_id, tenant_id);
  CREATE INDEX slots_by_owner ON slots (owner);

  -- Permits that were used, remembered for as long as they could be used again.
  CREATE TABLE permits (
    id          TEXT PRIMARY KEY,
    expires_at  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX permits_by_expiry ON permits (expires_at);

  -- What is added to the monotonic clock of one boot of one machine for the time that windows are told by.
  CREATE TABLE boots (
    id           TEXT PRIMARY KEY,
    tick_offset  INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Outputs that were withheld, by their own ids.
  CREATE INDEX jobs_by_quarantine ON jobs (json_extract(result, '$.quarantineId')) WHERE status = 'QUARANTINED';
  `,
  `
  -- The head of the Merkle tree over the events, written with them: one row.
  CREATE TABLE tree (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    size      INTEGER NOT NULL,
    frontier  BLOB NOT NULL
  ) STRICT;
  INSERT INTO tree (id, size, frontier) VALUES (1, 0, x'');

  -- 256 hashes of one level at a time, as soon as there are so many, with the root over them.
  CREATE TABLE tiles (
    level   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    root    BLOB NOT NULL,
    hashes  BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX tiles_by_place ON tiles (level, number);

  -- What was signed, kept for good: each is held against the log.
  CREATE TABLE checkpoints (
    size  INTEGER PRIMARY KEY,
    at    INTEGER NOT NULL,
    note  TEXT NOT NULL
  ) STRICT;

  CREATE TRIGGER tiles_no_update BEFORE UPDATE ON tiles
  BEGIN SELECT RAISE(ABORT, 'tiles are append-only'); END;
  CREATE TRIGGER tiles_no_delete BEFORE DELETE ON tiles
  BEGIN SELECT RAISE(ABORT, 'tiles are append-only'); END;
  CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
  BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
  CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
  BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;
  -- A row that is put in the place of another is neither updated nor deleted to a trigger.
  CREATE TRIGGER tiles_no_replace BEFORE INSERT ON tiles
  WHEN EXISTS (SELECT 1 FROM tiles WHERE (level = NEW.level AND number = NEW.number) OR rowid = NEW.rowid)
  BEGIN SELECT RAISE(ABORT, 'tiles are append-only'); END;
  CREATE TRIGGER checkpoints_no_replace BEFORE INSERT ON checkpoints
  WHEN EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
  BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only'); END;

  -- When the private values of a job were erased.
  ALTER TABLE jobs ADD COLUMN erased_at INTEGER;
  CREATE INDEX approvals_by_job ON approvals (job_id, tenant_id);
  `,
  `
  -- Each turn of the switch that stops every claim: the last one counts.
  CREATE TABLE halts (
    number  INTEGER PRIMARY KEY,
    halted  INTEGER NOT NULL,
    by_id   TEXT NOT NULL,
    reason  TEXT NOT NULL,
    abort   TEXT NOT NULL,
    at      INTEGER NOT NULL
  ) STRICT;

  -- What a process does while the store is away.
  ALTER TABLE owners ADD COLUMN fail_mode TEXT NOT NULL DEFAULT 'closed';

  -- Whether a job was claimed while the store was away.
  ALTER TABLE jobs ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0;

  -- Jobs of which nobody knows how they ended, for whoever finds out.
  CREATE INDEX jobs_unknown ON jobs (id, tenant_id) WHERE status = 'UNKNOWN';
  `,
];
