-- What PostgreSQL would not accept in its configuration files as they are on disk now, before they are loaded. Superuser.
-- A setting that only waits for a restart is listed by pg_file_settings as an error, too, and is none: one that was changed with the first words, one that was taken out with the second.
SELECT coalesce(sourcefile, '') || ':' || coalesce(sourceline::text, '') || ': ' || coalesce(name || ': ', '') || error
  FROM pg_file_settings WHERE error IS NOT NULL AND error <> 'setting could not be applied'
   AND error NOT LIKE 'parameter "%" cannot be changed without restarting the server'
UNION ALL
SELECT 'pg_hba.conf:' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL;
