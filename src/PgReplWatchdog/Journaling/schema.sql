-- The watchdog's durable record. FULL: a commit that returned is on disk also after a power failure.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;

-- One row: this watchdog's own name, made when the file was.
CREATE TABLE IF NOT EXISTS watchdog (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL              -- 8 lower-case hexadecimal digits
) STRICT;

-- One row: the machine on which that name was made. On another one it is another watchdog.
CREATE TABLE IF NOT EXISTS watchdog_machine (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    machine TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS cluster_memory (
    cluster TEXT PRIMARY KEY,
    memory  TEXT NOT NULL            -- ClusterMemory as JSON
) STRICT;

CREATE TABLE IF NOT EXISTS event (
    id       INTEGER PRIMARY KEY,
    cluster  TEXT NOT NULL,
    time     TEXT NOT NULL,          -- ISO 8601, UTC
    kind     TEXT NOT NULL,          -- EventKind
    sentence TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS event_by_cluster ON event (cluster, id);

-- Every automatic failover that ran to an end, good or bad; kept for good.
CREATE TABLE IF NOT EXISTS failover (
    cluster     TEXT NOT NULL,
    epoch       INTEGER NOT NULL,
    finished_at TEXT NOT NULL,       -- ISO 8601, UTC
    report      TEXT NOT NULL,       -- FinishedFailover as JSON
    PRIMARY KEY (cluster, epoch, finished_at)
) STRICT;

-- What a person asked for by pgwatchdog pause, resume, acknowledge.
CREATE TABLE IF NOT EXISTS operator_wish (
    cluster            TEXT PRIMARY KEY,
    paused             INTEGER NOT NULL DEFAULT 0,
    acknowledged_epoch INTEGER NOT NULL DEFAULT 0,
    changed_by         TEXT NOT NULL,  -- the account
    changed_at         TEXT NOT NULL   -- ISO 8601, UTC
) STRICT;

-- Which node an operator said is the primary: pgwatchdog adopt.
CREATE TABLE IF NOT EXISTS adoption_request (
    cluster  TEXT PRIMARY KEY,
    node     TEXT NOT NULL,
    epoch    INTEGER NOT NULL,       -- on record when it was asked: another one makes it void
    asked_by TEXT NOT NULL,          -- the account
    asked_at TEXT NOT NULL           -- ISO 8601, UTC
) STRICT;

-- Which other watchdog an operator has declared lost: pgwatchdog takeover.
CREATE TABLE IF NOT EXISTS takeover_request (
    cluster  TEXT PRIMARY KEY,
    owner    TEXT NOT NULL,          -- on record when it was asked
    asked_by TEXT NOT NULL,          -- the account
    asked_at TEXT NOT NULL           -- ISO 8601, UTC
) STRICT;
