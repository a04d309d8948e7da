-- What set-up asks a running server, as a superuser over its own socket. Reads only.
SELECT json_build_object(
    'inRecovery', pg_is_in_recovery(),
    'settings', (SELECT json_object_agg(name, json_build_object(
                        'value', setting, 'context', context, 'pendingRestart', pending_restart, 'sourceFile', sourcefile))
                   FROM pg_settings),
    'roles', (SELECT coalesce(json_object_agg(rolname, json_build_object(
                        'superuser', rolsuper, 'login', rolcanlogin, 'replication', rolreplication, 'verifier', rolpassword,
                        'readsStatistics', pg_has_role(oid, 'pg_read_all_stats', 'USAGE'))), '{}')
                FROM pg_authid WHERE rolname NOT LIKE 'pg\_%'),
    'slots', (SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots WHERE slot_type = 'physical'),
    'streamingStandbys', (SELECT coalesce(json_agg(application_name), '[]') FROM pg_stat_replication WHERE state = 'streaming'),
    'tablespaces', (SELECT coalesce(json_agg(json_build_object('oid', oid::int8, 'name', spcname, 'location', pg_tablespace_location(oid)) ORDER BY oid), '[]')
                      FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '/%'),
    'databases', (SELECT json_agg(datname) FROM pg_database WHERE datallowconn),
    'dataBytes', (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn)
);
