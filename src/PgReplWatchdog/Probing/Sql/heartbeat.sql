-- Sent before observe.sql in the same round trip. $1 is the position that the last answer of this server showed: by it the guard on a primary's host knows that
-- what it wrote then has been received outside. The message makes an idle primary write something that its standbys acknowledge (9.6 and later; 64 bytes of WAL).
SELECT set_config('application_name', $1, false),
       CASE WHEN $2 AND NOT pg_is_in_recovery() THEN pg_logical_emit_message(false, 'pgwatchdog', '') END
