-- What a check asks of a node: one row in one round trip. Runs in psql as it stands, on a primary and on a standby, with schema pgwatchdog first in search_path:
-- it has the views that a plain role may not see, and on 9.3 to 9.6 today's names (Setup/Sql/schema.sql). PostgreSQL's own replication views would show rows whose columns
-- are NULL, which is no answer; a role that an older set-up has made reads them as a member of pg_read_all_stats.
-- What a version does not have is looked up by name (row_to_json), and is NULL there.
SELECT
    pg_is_in_recovery() AS in_recovery,
    (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
    CASE WHEN pg_is_in_recovery() THEN
        -- The control file has the timeline of the last restartpoint only; the walreceiver knows better while it runs.
        greatest((SELECT received_tli FROM pg_stat_wal_receiver),
                 (SELECT timeline_id FROM pg_control_checkpoint()),
                 (SELECT min_recovery_end_timeline FROM pg_control_recovery()))
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    END AS timeline,
    (SELECT timeline_id FROM pg_control_checkpoint()) AS checkpoint_timeline,
    current_setting('server_version_num')::int AS version_number,
    'pg_stat_replication'::regclass <> 'pg_catalog.pg_stat_replication'::regclass
        OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'pg_read_all_stats' AND pg_has_role(oid, 'USAGE')) AS reads_statistics,
    pg_postmaster_start_time() AS started_at,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END AS current_lsn,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END AS insert_lsn,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END AS flush_lsn,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()::text END AS receive_lsn,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END AS replay_lsn,
    CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() ELSE false END AS replay_paused,
    coalesce(current_setting('promote_trigger_file', true), '') AS promote_trigger_file,
    coalesce(has_function_privilege(to_regprocedure('pg_promote(boolean, integer)'), 'EXECUTE'), false) AS may_promote,
    extract(epoch FROM current_setting('wal_receiver_timeout')::interval)::float8 AS wal_receiver_timeout_seconds,
    left(current_setting('synchronous_standby_names'), 1000) AS synchronous_standby_names,
    coalesce(current_setting('max_slot_wal_keep_size', true) <> '-1', false) AS limits_slots,
    -- A superuser's session of that name is the guard's; it asks its server several times a second while it lives.
    (SELECT coalesce(substring(application_name FROM '^pgwatchdog_guard armed ([0-9a-f]{8}( [0-9a-f]{8})?)$'), '')
       FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid AND rolsuper
      WHERE application_name LIKE 'pgwatchdog\_guard%' AND query_start > clock_timestamp() - interval '3 s'
      ORDER BY query_start DESC LIMIT 1) AS guard_order,
    -- Only a guard asks under that name, over the replication role, and its session stays a while.
    (SELECT coalesce(string_agg(pid || ' ' || backend_start, ', ' ORDER BY pid), '')
       FROM pg_stat_activity JOIN pg_roles ON pg_roles.oid = usesysid AND rolreplication
      WHERE application_name = 'pgwatchdog_boot_check') AS boot_checks,
    -- Watchdogs that ask under this role. One with the same name at another address of the same kind is a copy.
    (SELECT coalesce(json_agg(one), '[]')::text FROM (
        SELECT substring(application_name FROM '^pgwatchdog ([0-9a-f]{8})') AS owner, coalesce(host(client_addr), 'local') AS address,
               -- Where track_activities is off nobody knows, and it counts as asked just now.
               coalesce(extract(epoch FROM clock_timestamp() - max(state_change)), 0)::float8 AS "askedSecondsAgo",
               coalesce(client_addr = inet_client_addr() OR family(client_addr) <> family(inet_client_addr()), true) AS "fromHere"
          FROM pg_stat_activity WHERE usename = current_user AND application_name ~ '^pgwatchdog [0-9a-f]{8}( |$)'
         GROUP BY owner, address, "fromHere" ORDER BY "askedSecondsAgo" LIMIT 10) AS one) AS watchdogs,
    (SELECT coalesce(status, '') FROM pg_stat_wal_receiver) AS walreceiver_status,
    (SELECT (row_to_json(receiver) ->> 'sender_host') || ' ' || (row_to_json(receiver) ->> 'sender_port') FROM pg_stat_wal_receiver AS receiver) AS sender,
    (SELECT row_to_json(receiver) ->> 'latest_end_lsn' FROM pg_stat_wal_receiver AS receiver) AS upstream_end,
    (SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time)::float8 FROM pg_stat_wal_receiver) AS last_message_age_seconds,
    (SELECT coalesce(json_agg(one), '[]')::text FROM (
        SELECT application_name AS "applicationName", coalesce(state, '') AS state, coalesce(sync_state, '') AS "syncState",
               sent_lsn AS "sentLsn", flush_lsn AS "flushLsn", replay_lsn AS "replayLsn"
          FROM pg_stat_replication ORDER BY application_name, pid) AS one) AS walsenders,
    (SELECT coalesce(json_agg(one), '[]')::text FROM (
        SELECT slot_name AS name, active, coalesce(row_to_json(slot) ->> 'wal_status', '') AS "walStatus", restart_lsn AS "restartLsn"
          FROM pg_replication_slots AS slot WHERE NOT temporary ORDER BY slot_name) AS one) AS slots
