-- Looks kept for replay. A file of its own: nothing written here may make the journal wait. What a power failure takes of it is no harm.
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;

CREATE TABLE IF NOT EXISTS observation (
    id      INTEGER PRIMARY KEY,
    cluster TEXT NOT NULL,
    time    TEXT NOT NULL,           -- ISO 8601, UTC
    look    TEXT NOT NULL            -- Look as JSON
) STRICT;

CREATE INDEX IF NOT EXISTS observation_by_cluster ON observation (cluster, id);
