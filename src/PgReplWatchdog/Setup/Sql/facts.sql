-- What set-up asks a running server, as a superuser over its own socket. Reads only.
SELECT json_build_object(
    'inRecovery', pg_is_in_recovery(),
    'settings', (SELECT json_object_agg(name, json_build_object(
                        'value', setting, 'context', context, 'pendingRestart', pending_restart, 'sourceFile', sourcefile))
                   FROM pg_settings),
    'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
                        'superuser', rolsuper, 'login', rolcanlogin, 'replication', rolreplication, 'connectionLimit', rolconnlimit, 'verifier', rolpassword,
                        'readsStatistics', pg_has_role(oid, 'pg_read_all_stats', 'USAGE'))), '{}')
                FROM pg_authid WHERE rolname NOT LIKE 'pg\_%'),
    'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE slot_type = 'physical'),
    'lostSlots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots AS slot WHERE to_jsonb(slot) ->> 'wal_status' = 'lost'),
    'streamingStandbys', (SELECT coalesce(json_agg(application_name), '[]') FROM pg_stat_replication WHERE state = 'streaming'),
    -- NodeSession says in its name what it has seen; the guard's session is another (pgwatchdog_guard).
    'watchdogSessions', (SELECT coalesce(json_agg(DISTINCT coalesce(host(client_addr), 'its own host')), '[]')
                           FROM pg_stat_activity WHERE application_name = 'pgwatchdog' OR application_name LIKE 'pgwatchdog %'),
    'owners', (SELECT coalesce(json_agg(DISTINCT rolname), '[]')
                 FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o'),
    'tablespaces', (SELECT coalesce(json_agg(json_build_object('oid', oid::int8, 'name', spcname, 'location', pg_tablespace_location(oid)) ORDER BY oid), '[]')
                      FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '/%'),
    'databases', (SELECT json_agg(datname) FROM pg_database WHERE datallowconn),
    'dataBytes', (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn),
    'directoryBytes', (SELECT sum(pg_tablespace_size(oid)) FROM pg_tablespace WHERE spcname IN ('pg_default', 'pg_global')),
    'walBytes', (SELECT sum(size) FROM pg_ls_waldir())
);
