-- The watchdog's durable record. FULL: a commit that returned is on disk also after a power failure.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;

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
