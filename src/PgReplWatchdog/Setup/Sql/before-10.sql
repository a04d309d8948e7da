-- Follows schema.sql on PostgreSQL 9.3 to 9.6: what a check reads, under the names of PostgreSQL 10, so that there is one observe.sql for all versions.
-- All that differs between 9.3, 9.4, 9.5 and 9.6 is here at the top.
SELECT CASE WHEN v >= 90600 THEN 'SELECT pg_current_xlog_flush_location()' ELSE 'SELECT NULL::' || lsn END AS flushed,
       CASE WHEN v >= 90400 THEN 'SELECT slot_name::text, active, restart_lsn::text, false FROM pg_catalog.pg_replication_slots'
            ELSE 'SELECT NULL::text, NULL::bool, NULL::text, NULL::bool LIMIT 0' END AS slots,
       -- Before 9.6 the control file is read as it lies on disk (struct ControlFileData: the identifier first, then the file's version, 937 in 9.3, 942 in 9.4 and 9.5).
       CASE WHEN v >= 90600 THEN 'SELECT system_identifier::numeric FROM pg_catalog.pg_control_system()'
            ELSE 'SELECT pgwatchdog.control_word(4) * 4294967296::numeric + pgwatchdog.control_word(0) WHERE pgwatchdog.control_word(8) IN (937, 942)' END AS system,
       CASE WHEN v >= 90600 THEN 'SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()' ELSE 'SELECT pgwatchdog.control_word(56)::int' END AS checkpoint,
       -- A segment of a timeline comes with the first WAL that is received of it: what is followed, where no walreceiver says it.
       CASE WHEN v >= 90600 THEN 'SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery()'
            ELSE 'SELECT max((''x'' || left(name, 8))::bit(32)::int) FROM pg_ls_dir(''pg_xlog'') AS name WHERE name ~ ''^[0-9A-F]{24}$''' END AS followed
  FROM (SELECT v, CASE WHEN v >= 90400 THEN 'pg_lsn' ELSE 'text' END AS lsn FROM (SELECT current_setting('server_version_num')::int AS v) AS server) AS server
\gset

-- Other names.
CREATE FUNCTION pgwatchdog.pg_current_wal_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_current_xlog_location()';
CREATE FUNCTION pgwatchdog.pg_current_wal_insert_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_current_xlog_insert_location()';
CREATE FUNCTION pgwatchdog.pg_current_wal_flush_lsn() RETURNS :lsn LANGUAGE sql AS :'flushed';
CREATE FUNCTION pgwatchdog.pg_last_wal_receive_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_last_xlog_receive_location()';
CREATE FUNCTION pgwatchdog.pg_last_wal_replay_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_last_xlog_replay_location()';
CREATE FUNCTION pgwatchdog.pg_walfile_name(:lsn) RETURNS text LANGUAGE sql AS 'SELECT pg_xlogfile_name($1)';

-- What came later. None of these versions has pg_promote or promote_trigger_file, which is what is asked for here.
CREATE FUNCTION pgwatchdog.current_setting(text, bool) RETURNS text LANGUAGE sql AS 'SELECT setting FROM pg_settings WHERE name = $1';
CREATE FUNCTION pgwatchdog.to_regprocedure(text) RETURNS regprocedure LANGUAGE sql AS 'SELECT NULL::regprocedure';
CREATE FUNCTION pgwatchdog.slots() RETURNS TABLE (slot_name text, active bool, restart_lsn text, temporary bool) LANGUAGE sql AS :'slots';
CREATE VIEW pgwatchdog.pg_replication_slots AS SELECT * FROM pgwatchdog.slots();

-- What only a superuser may see.
CREATE FUNCTION pgwatchdog.control_word(int) RETURNS int8 LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    'SELECT sum(get_byte(file, $1 + at)::int8 << (8 * at))::int8 FROM pg_read_binary_file(''global/pg_control'', 0, 64) AS file, generate_series(0, 3) AS at';
CREATE FUNCTION pgwatchdog.pg_control_system() RETURNS TABLE (system_identifier numeric) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'system';
CREATE FUNCTION pgwatchdog.pg_control_checkpoint() RETURNS TABLE (timeline_id int) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'checkpoint';
CREATE FUNCTION pgwatchdog.pg_control_recovery() RETURNS TABLE (min_recovery_end_timeline int) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'followed';
CREATE FUNCTION pgwatchdog.pg_is_wal_replay_paused() RETURNS bool LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'SELECT pg_is_xlog_replay_paused()';
