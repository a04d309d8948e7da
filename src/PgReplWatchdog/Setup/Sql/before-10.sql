-- What the watchdog's sessions find on PostgreSQL 9.3 to 9.6 under the names of PostgreSQL 10: they look into this schema first, so that there is one observe.sql for all versions.
-- Made by set-up, as a superuser, in psql, where role is the watchdog's and mark says by whom and from which text. What a plain role may not see there is read by functions without
-- a choice (SECURITY DEFINER); nobody but the watchdog's role gets into the schema. All that differs between 9.3, 9.4, 9.5 and 9.6 is here at the top.
SELECT lsn,
       CASE WHEN v >= 90600 THEN 'SELECT pg_current_xlog_flush_location()' ELSE 'SELECT NULL::' || lsn END AS flushed,
       CASE WHEN v >= 90600 THEN 'SELECT pg_catalog.pg_logical_emit_message($1, $2, $3)' ELSE 'SELECT NULL::' || lsn END AS heartbeat,
       CASE WHEN v >= 90600 THEN 'SELECT status, received_tli, last_msg_receipt_time FROM pg_catalog.pg_stat_wal_receiver'
            ELSE 'SELECT NULL::text, NULL::int, NULL::timestamptz LIMIT 0' END AS receiver,
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

BEGIN;
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'pgwatchdog' AND obj_description(oid, 'pg_namespace') LIKE 'pgwatchdog setup %') THEN
        DROP SCHEMA pgwatchdog CASCADE;
    END IF;
END $$;
CREATE SCHEMA pgwatchdog;
COMMENT ON SCHEMA pgwatchdog IS :'mark';

-- Other names.
CREATE FUNCTION pgwatchdog.pg_current_wal_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_current_xlog_location()';
CREATE FUNCTION pgwatchdog.pg_current_wal_insert_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_current_xlog_insert_location()';
CREATE FUNCTION pgwatchdog.pg_current_wal_flush_lsn() RETURNS :lsn LANGUAGE sql AS :'flushed';
CREATE FUNCTION pgwatchdog.pg_last_wal_receive_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_last_xlog_receive_location()';
CREATE FUNCTION pgwatchdog.pg_last_wal_replay_lsn() RETURNS :lsn LANGUAGE sql AS 'SELECT pg_last_xlog_replay_location()';
CREATE FUNCTION pgwatchdog.pg_walfile_name(:lsn) RETURNS text LANGUAGE sql AS 'SELECT pg_xlogfile_name($1)';
CREATE FUNCTION pgwatchdog.pg_logical_emit_message(bool, text, text) RETURNS :lsn LANGUAGE sql AS :'heartbeat';

-- What came later. None of these versions has pg_promote or promote_trigger_file, which is what is asked for here.
CREATE FUNCTION pgwatchdog.current_setting(text, bool) RETURNS text LANGUAGE sql AS 'SELECT setting FROM pg_settings WHERE name = $1';
CREATE FUNCTION pgwatchdog.to_regprocedure(text) RETURNS regprocedure LANGUAGE sql AS 'SELECT NULL::regprocedure';
CREATE FUNCTION pgwatchdog.slots() RETURNS TABLE (slot_name text, active bool, restart_lsn text, temporary bool) LANGUAGE sql AS :'slots';
CREATE VIEW pgwatchdog.pg_replication_slots AS SELECT * FROM pgwatchdog.slots();

-- What only a superuser may see.
CREATE FUNCTION pgwatchdog.control_word(int) RETURNS int8 LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
    'SELECT sum(get_byte(file, $1 + at)::int8 << (8 * at))::int8 FROM pg_read_binary_file(''global/pg_control'', 0, 64) AS file, generate_series(0, 3) AS at';
CREATE FUNCTION pgwatchdog.pg_control_system() RETURNS TABLE (system_identifier numeric) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS :'system';
CREATE FUNCTION pgwatchdog.pg_control_checkpoint() RETURNS TABLE (timeline_id int) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS :'checkpoint';
CREATE FUNCTION pgwatchdog.pg_control_recovery() RETURNS TABLE (min_recovery_end_timeline int) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS :'followed';
CREATE FUNCTION pgwatchdog.pg_is_wal_replay_paused() RETURNS bool LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT pg_is_xlog_replay_paused()';
CREATE FUNCTION pgwatchdog.receiver() RETURNS TABLE (status text, received_tli int, last_msg_receipt_time timestamptz)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS :'receiver';
CREATE FUNCTION pgwatchdog.senders() RETURNS SETOF pg_catalog.pg_stat_replication LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS
    'SELECT * FROM pg_catalog.pg_stat_replication';
CREATE VIEW pgwatchdog.pg_stat_wal_receiver AS SELECT * FROM pgwatchdog.receiver();
CREATE VIEW pgwatchdog.pg_stat_replication AS
    SELECT pid, application_name, state, sync_state, sent_location AS sent_lsn, flush_location AS flush_lsn, replay_location AS replay_lsn FROM pgwatchdog.senders();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgwatchdog FROM PUBLIC;
GRANT USAGE ON SCHEMA pgwatchdog TO :role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgwatchdog TO :role;
GRANT SELECT ON ALL TABLES IN SCHEMA pgwatchdog TO :role;
COMMIT;
