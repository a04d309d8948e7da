-- What PostgreSQL would not accept in its configuration files as they are on disk now, before they are loaded. Superuser, in psql.
-- pg_file_settings came with 9.5 and pg_hba_file_rules with 10; before, nothing can be said. A setting that only waits for a restart is listed by pg_file_settings as an error, too,
-- and is none: one that was changed with the first words, one that was taken out with the second.
SELECT CASE WHEN v >= 90500 THEN 'pg_file_settings'
            ELSE '(SELECT NULL::text AS sourcefile, NULL::int AS sourceline, NULL::text AS name, NULL::text AS error LIMIT 0)' END AS settings,
       CASE WHEN v >= 100000 THEN 'pg_hba_file_rules' ELSE '(SELECT NULL::int AS line_number, NULL::text AS error LIMIT 0)' END AS rules
  FROM (SELECT current_setting('server_version_num')::int AS v) AS server
\gset
SELECT coalesce(sourcefile, '') || ':' || coalesce(sourceline::text, '') || ': ' || coalesce(name || ': ', '') || error
  FROM :settings AS setting WHERE error IS NOT NULL AND error <> 'setting could not be applied'
   AND error NOT LIKE 'parameter "%" cannot be changed without restarting the server'
UNION ALL
SELECT 'pg_hba.conf:' || line_number || ': ' || error FROM :rules AS rule WHERE error IS NOT NULL;
