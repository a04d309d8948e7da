-- What set-up asks a running server, as a superuser over its own socket, in psql. Reads only.
-- What a version does not have is chosen by name here; columns that came later are looked up by name (row_to_json) below.
SELECT CASE WHEN v >= 90400 THEN 'pg_replication_slots' ELSE '(SELECT NULL::text AS slot_name, NULL::text AS slot_type LIMIT 0)' END AS slots,
       CASE WHEN v >= 100000 THEN 'pg_ls_waldir()'
            ELSE '(SELECT setting::int8 * 8192 AS size FROM pg_settings, pg_ls_dir(''pg_xlog'') AS file WHERE name = ''wal_segment_size'' AND file ~ ''^[0-9A-F]{24}$'')' END AS wal
  FROM (SELECT current_setting('server_version_num')::int AS v) AS server
\gset
SELECT row_to_json(facts) FROM (SELECT
    pg_is_in_recovery() AS "inRecovery",
    (SELECT json_agg(one) FROM (
        SELECT name, setting AS value, context, coalesce((row_to_json(pg_settings) ->> 'pending_restart')::bool, false) AS "pendingRestart", sourcefile AS "sourceFile"
          FROM pg_settings) AS one) AS settings,
    -- What set-up has made in place of pg_read_all_stats is looked for in the watchdog's database.
    (SELECT coalesce(json_agg(one), '[]') FROM (
        SELECT rolname AS name, rolsuper AS superuser, rolcanlogin AS login, rolreplication AS replication, rolconnlimit AS "connectionLimit", rolpassword AS verifier,
               EXISTS (SELECT 1 FROM pg_auth_members JOIN pg_roles AS reader ON reader.oid = roleid WHERE member = role.oid AND reader.rolname = 'pg_read_all_stats') AS "readsAllStatistics"
          FROM pg_authid AS role WHERE rolname NOT LIKE 'pg\_%') AS one) AS roles,
    (SELECT coalesce(json_agg(slot_name), '[]') FROM :slots AS slot WHERE slot_type = 'physical') AS slots,
    (SELECT coalesce(json_agg(slot_name), '[]') FROM :slots AS slot WHERE row_to_json(slot) ->> 'wal_status' = 'lost') AS "lostSlots",
    (SELECT coalesce(json_agg(application_name), '[]') FROM pg_stat_replication WHERE state = 'streaming') AS "streamingStandbys",
    -- NodeSession says in its name what it has seen; the guard's session is another (pgwatchdog_guard).
    (SELECT coalesce(json_agg(DISTINCT coalesce(host(client_addr), 'its own host')), '[]')
       FROM pg_stat_activity WHERE application_name = 'pgwatchdog' OR application_name LIKE 'pgwatchdog %') AS "watchdogSessions",
    (SELECT coalesce(json_agg(DISTINCT rolname), '[]')
       FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o') AS owners,
    (SELECT coalesce(json_agg(one), '[]') FROM (
        SELECT oid::int8 AS oid, spcname AS name, pg_tablespace_location(oid) AS location
          FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '/%' ORDER BY oid) AS one) AS tablespaces,
    (SELECT json_agg(datname) FROM pg_database WHERE datallowconn) AS databases,
    (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn) AS "dataBytes",
    (SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace WHERE spcname IN ('pg_default', 'pg_global')) AS "directoryBytes",
    (SELECT coalesce(sum(size), 0) FROM :wal AS file) AS "walBytes"
) AS facts;
