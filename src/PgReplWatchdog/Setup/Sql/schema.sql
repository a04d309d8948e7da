-- What the watchdog's sessions find before PostgreSQL's own: they look into this schema first. Its views have the rows and columns that a check reads (Probing/Sql/observe.sql) and
-- that a plain role may not see: no text of a query, no session of anybody else. Its one function that writes writes an empty message into WAL, whatever it is given.
-- Made by set-up, as a superuser, in psql, where role is the watchdog's and mark says by whom and from which text. Functions without a choice read for the role (SECURITY DEFINER);
-- nobody but the watchdog's role gets into the schema. On 9.3 to 9.6 before-10.sql follows, with the names of PostgreSQL 10.
SELECT lsn,
       CASE WHEN v >= 90600 THEN 'SELECT pg_logical_emit_message(false, ''pgwatchdog'', '''')' ELSE 'SELECT NULL::' || lsn END AS heartbeat,
       CASE WHEN v >= 90600 THEN 'SELECT status, received_tli, last_msg_receipt_time, '
                || CASE WHEN v >= 110000 THEN 'sender_host, sender_port, ' ELSE 'NULL::text, NULL::int, ' END
                || CASE WHEN v >= 100000 THEN 'latest_end_lsn::text' ELSE 'NULL::text' END || ' FROM pg_stat_wal_receiver'
            ELSE 'SELECT NULL::text, NULL::int, NULL::timestamptz, NULL::text, NULL::int, NULL::text LIMIT 0' END AS receiver,
       'SELECT pid, application_name, state, sync_state, '
           || CASE WHEN v >= 100000 THEN 'sent_lsn::text, flush_lsn::text, replay_lsn::text' ELSE 'sent_location::text, flush_location::text, replay_location::text' END
           || ' FROM pg_stat_replication' AS senders,
       CASE WHEN v >= 130000 THEN 'SELECT pid, backup_streamed, backup_total FROM pg_stat_progress_basebackup' ELSE 'SELECT NULL::int, NULL::int8, NULL::int8 LIMIT 0' END AS copies
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

CREATE FUNCTION pgwatchdog.pg_logical_emit_message(bool, text, text) RETURNS :lsn LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'heartbeat';
CREATE FUNCTION pgwatchdog.receiver()
    RETURNS TABLE (status text, received_tli int, last_msg_receipt_time timestamptz, sender_host text, sender_port int, latest_end_lsn text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'receiver';
CREATE FUNCTION pgwatchdog.senders()
    RETURNS TABLE (pid int, application_name text, state text, sync_state text, sent_lsn text, flush_lsn text, replay_lsn text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'senders';
CREATE FUNCTION pgwatchdog.sessions()
    RETURNS TABLE (pid int, usesysid oid, usename name, application_name text, client_addr inet, backend_start timestamptz, query_start timestamptz, state_change timestamptz)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
    'SELECT pid, usesysid, usename, application_name, client_addr, backend_start, query_start, state_change FROM pg_stat_activity
      WHERE application_name LIKE ''pgwatchdog%'' OR usename = session_user';
CREATE FUNCTION pgwatchdog.copies() RETURNS TABLE (pid int, backup_streamed int8, backup_total int8)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS :'copies';
CREATE VIEW pgwatchdog.pg_stat_wal_receiver AS SELECT * FROM pgwatchdog.receiver();
CREATE VIEW pgwatchdog.pg_stat_replication AS SELECT * FROM pgwatchdog.senders();
CREATE VIEW pgwatchdog.pg_stat_activity AS SELECT * FROM pgwatchdog.sessions();
CREATE VIEW pgwatchdog.pg_stat_progress_basebackup AS SELECT * FROM pgwatchdog.copies();
