#!/bin/sh
# The guard of PgReplWatchdog: a primary that nobody outside acknowledges any more stops itself. Installed by `pgwatchdog setup`
# in DATADIR.pgwatchdog, runs as PostgreSQL's account. docs/runbook.md, "The guard"; docs/decisions/0006.
#
#   guard start        run it in the background, under systemd where its unit is installed; nothing if it runs
#   guard stop         end it (PostgreSQL is left alone)
#   guard run          run it here
#   guard status       does it run? 0 yes
#   guard boot-check [SECONDS]   may this node start as a primary? 0 yes, else a sentence on standard error: 1 no, 2 nobody says yes
#                      (asked again for SECONDS, since a standby may be starting as well)
#
# All times are milliseconds of this host's uptime: monotonic, and no other machine's clock enters.
umask 077
export LC_ALL=C
state=$(cd "$(dirname "$0")" && pwd -P) || exit 1
data=${state%.pgwatchdog} self=$state/guard order=$state/guard.armed lock=$state/guard.pid block=$data/recovery.conf
. "$state/guard.conf" || exit 1 # bin host port role database managed peers

# One line: ID TTL_MS WATCHDOG_ROLE VOUCHER,VOUCHER,... ; no file is disarmed.
read_order() {
  id='' ttl='' vouchers=''
  [ -r "$order" ] && read -r id ttl _ vouchers < "$order"
  case $ttl in '' | *[!0-9]*) id='' ttl=6000 ;; esac
  poll=$((ttl / 12))
  [ "$poll" -ge 100 ] || poll=100
  [ "$poll" -le 500 ] || poll=500
}

# A crashed postmaster leaves its file, and its number may be somebody else's by now.
read_postmaster() {
  running=''
  [ -r "$data/postmaster.pid" ] && read -r running < "$data/postmaster.pid"
  [ -n "$running" ] && [ "/proc/$running/cwd" -ef "$data" ] || running=''
}

socket() { sed -n "$1p" "$data/postmaster.pid" 2> /dev/null; }

# Writes what happened, and keeps the file small.
log() {
  [ "$(wc -c < "$state/guard.log" 2> /dev/null || echo 0)" -lt 65536 ] ||
    { tail -c 32768 "$state/guard.log" > "$state/guard.log.new" && mv -f "$state/guard.log.new" "$state/guard.log"; }
  echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*" >> "$state/guard.log"
}

# --- What comes in: one line a tick, one line an answer of the server. A hung server stops the answers, not the ticks.

ticks() {
  while :; do
    read_order
    read -r uptime _ < /proc/uptime
    echo "tick ${uptime%.*}${uptime#*.}0"
    sleep "0.$poll"
  done
}

# The uptime is read before the message is written, by the server, in the same statement: whoever acknowledges the position behind
# the message was reached after that time. pg_logical_emit_message returns that position.
# A watchdog's session says in its application_name which position it has seen; more than there is, is no answer of this server.
answers() {
  sample='-c log_min_duration_sample=-1'
  [ "$(head -n 1 "$data/PG_VERSION")" -ge 13 ] || sample=''
  while :; do
    read_order
    read_postmaster
    if [ -n "$running" ]; then
      PGAPPNAME=pgwatchdog_guard PGOPTIONS="-c synchronous_commit=local -c log_statement=none -c log_min_duration_statement=-1 $sample" \
        "$bin/psql" -X -q -A -t -F ' ' -d postgres -h "$(socket 5)" -p "$(socket 4)" -v ON_ERROR_STOP=1 -v order="$order" -v pause="0.$poll" -f - 2> /dev/null << 'SQL' &
WITH clock AS MATERIALIZED (
    SELECT (split_part(pg_read_file('/proc/uptime'), ' ', 1)::numeric * 1000)::bigint AS uptime, pg_is_in_recovery() AS in_recovery
), armed AS MATERIALIZED (
    SELECT regexp_match(pg_read_file(:'order', 0, 10000, true), '^(\S+) ([0-9]+) (\S+) ?(\S*)') AS word FROM clock
), told AS MATERIALIZED (
    SELECT *, CASE WHEN word IS NOT NULL AND NOT in_recovery THEN pg_logical_emit_message(false, 'pgwatchdog', '') END AS position FROM clock, armed
), acknowledged AS (
    SELECT flush_lsn AS position FROM told, pg_stat_replication WHERE application_name = ANY (string_to_array(word[4], ','))
    UNION ALL
    SELECT seen FROM told, pg_stat_activity,
           CAST(substring(application_name FROM '^pgwatchdog ([0-9A-F]{1,8}/[0-9A-F]{1,8})$') AS pg_lsn) AS seen
     WHERE usename = word[3] AND seen <= position
)
SELECT 'row', uptime, in_recovery, coalesce(position - '0/0', 0), coalesce((SELECT position FROM acknowledged ORDER BY position DESC NULLS LAST LIMIT 1) - '0/0', 0), coalesce(word[1], '-'),
       set_config('application_name', coalesce('pgwatchdog_guard armed ' || word[1], 'pgwatchdog_guard'), false)
  FROM told
\watch :pause
SQL
      echo "session $! $poll"
      wait $!
      echo lost
    fi
    sleep "0.$poll"
  done
}

# --- What is known. id ttl: the order. pid: the postmaster. checked: it may be primary. leased: it has been seen as an armed primary. proof: the
# last time of which somebody outside has acknowledged what it wrote, or a voucher was asked whether it may start; it outlives the server: the watchdog counts from
# there, and a start that nobody outside has heard of gives no new time. pairs: uptime:position, not acknowledged yet.

never=-1000000000

watch_over() {
  id='' pid='' checked='' leased='' proof=$never since=0 pairs='' session='' period='' lost='' behind=0
  while read -r what one two three four five _; do
    case $what in
      tick) tick "$one" ;;
      row) row "$one" "$two" "$three" "$four" "$five" ;;
      session) session=$one period=$two ;;
      lost) session='' lost=yes ;;
    esac
  done
}

row() { # UPTIME IN_RECOVERY POSITION ACKNOWLEDGED ID
  now=$1 lost=''
  if [ "$2" = t ]; then
    see_order
    rm -f "$order" # an order is for a primary: it must not wait here until this node is one
    checked=yes leased='' since=$1 # when it is promoted nobody has to be asked: it was its own decision to be a standby until then
    return
  fi
  [ -n "$id" ] && [ "$5" = "$id" ] || return
  if [ -z "$checked" ]; then
    ask_leave || return
    checked=yes leased=yes pairs=''
  fi
  [ -n "$leased" ] || leased=yes proof=$1 pairs='' # armed while it served: the watchdog relies on that from here on
  left=''
  for pair in $pairs "$1:$3"; do
    if [ "${pair#*:}" -le "$4" ]; then
      [ "${pair%:*}" -le "$proof" ] || proof=${pair%:*}
    elif [ "${pair%:*}" -ge $(($1 - ttl)) ]; then
      left="$left $pair"
    fi
  done
  pairs=$left
}

see_order() {
  was=$id
  read_order
  [ "$id" = "$was" ] || { [ -n "$id" ] && log "armed, order $id: $ttl ms" || log "disarmed"; }
}

# The line says that a tick is due; what time it is the clock says: lines grow old while a server that does not answer is waited for.
tick() { # DUE
  uptime
  # After a stall of this shell's own what was acknowledged meanwhile waits behind this line: first it is read. Not for ever.
  if [ $((2 * (now - $1))) -gt "${ttl:-6000}" ] && [ "$behind" -lt 40 ]; then
    behind=$((behind + 1))
    return
  fi
  behind=0 ticked=$now
  see_order
  read_postmaster
  if [ -n "$session" ] && [ "$period" != "$poll" ]; then
    kill "$session" && session='' # it is started again with the period of this order
  fi
  if [ -n "$running" ] && [ "$running" != "$pid" ]; then
    pid=$running leased='' checked='' since=$ticked
  fi
  age=$((ticked - proof))
  if [ -z "$id" ]; then
    checked=yes leased='' since=$ticked
  elif [ -n "$running" ] && [ -n "$lost" ] && [ -n "$leased" -o -z "$checked" ] && [ ! -e "$data/standby.signal" ] && [ $((2 * age)) -gt "$ttl" ] && [ "$(ready 0.3)" != 2 ]; then
    leased='' checked='' since=$ticked # it recovers, shuts down, or lets everybody in but the guard; not one that was armed just now while it served
    case $(socket 8) in stopping*) ;; *) ask_leave ;; esac # a recovery may end at any moment, and then it serves: it must not without leave
  elif [ -n "$leased" ]; then
    [ "$age" -le "$ttl" ] || stop_server "for more than $ttl ms nobody outside has acknowledged what this primary wrote"
  elif [ -n "$running" ] && [ $((ticked - since)) -gt "$ttl" ] && [ ! -e "$data/standby.signal" ]; then
    [ "$(ready 2)" != 2 ] || stop_server "it has not answered for more than $ttl ms since it started"
    since=$ticked
  fi
}

uptime() { # sets now; what is asked takes time, and the line that is being read has grown old
  read -r now _ < /proc/uptime
  now=${now%.*}${now#*.}0
}

# One that has just started, or is about to. What it was granted earlier counts as long as it lasts.
ask_leave() {
  uptime
  asked_at=$now limit=2000 left=$((ttl - (now - proof)))
  [ "$left" -gt 2000 ] || [ "$left" -lt "-$ttl" ] || limit=$left # what was granted must not be overdrawn by asking
  [ "$limit" -ge 500 ] || limit=500
  reason=$(boot_check "$limit" 2>&1)
  leave=$?
  uptime
  case $leave in
    0) proof=$asked_at ;;
    2) [ $((now - proof)) -le "$ttl" ] || { stop_server "$reason"; return 1; } ;;
    *) stop_server "$reason"; return 1 ;;
  esac
}

# 0 accepts connections, 1 rejects them (starting up, recovering, shutting down), 2 does not answer in time. libpq before 17 makes two seconds of one.
ready() { # SECONDS
  timeout "$1" "$bin/pg_isready" -q -t 2 -h "$(socket 5)" -p "$(socket 4)"
  answer=$?
  [ $answer -ne 124 ] || answer=2
  echo $answer
}

# --- What is done.

# Whatever of PostgreSQL works on the data directory, also where the postmaster is gone or stopped.
processes() {
  here=$(cd "$data" && pwd -P | sed 's/[][*?\\]/\\&/g') || return
  find /proc -maxdepth 2 -path '/proc/[0-9]*/cwd' -lname "$here" 2> /dev/null | while IFS=/ read -r _ _ number _; do
    read -r name < "/proc/$number/comm" # not the shell of somebody who looks around there
    case $name in postgres | postmaster) echo "$number" ;; esac
  done
}

# No process: nothing to stop, and no start block: an administrator may stop his server.
stop_server() { # REASON
  reason=$1 leased='' checked='' since=$now
  [ -n "$(processes)" ] || return 0
  [ -e "$block" ] || block_start "$reason" &
  tries=0
  while [ ! -e "$block" ] && [ $tries -lt 6 ]; do # a disk that hangs must not keep PostgreSQL alive
    sleep 0.05
    tries=$((tries + 1))
  done
  [ -z "$running" ] || kill -QUIT "$running"
  tries=0
  while victims=$(processes) && [ -n "$victims" ]; do
    # shellcheck disable=SC2086 # a list of numbers
    [ $tries -lt 4 ] || kill -KILL $victims
    [ $tries -lt 100 ] || break # they wait for a disk that hangs, and do nothing any more
    sleep 0.05
    tries=$((tries + 1))
  done
  [ -n "$victims" ] && log "could not end all of PostgreSQL ($(echo "$victims" | paste -sd ' ')): $reason" || log "stopped PostgreSQL: $reason"
}

# PostgreSQL 12 and later refuse to start while this file is there.
block_start() { # REASON
  cat > "$block.new" << END && mv -f "$block.new" "$block"
# Put here by the guard of PgReplWatchdog ($self) at $(date -u +%Y-%m-%dT%H:%M:%SZ).
# It stopped PostgreSQL: $1.
# While this file is here PostgreSQL does not start: another node may have been promoted meanwhile.
# See which node is the primary (pgwatchdog status). If this one is to serve again as it is: rm '$block' '$order'
END
}

# Whom to ask, all at once: a line of each that answers in time. "primary TIMELINE", or "NAME follows", or "NAME strays": its configuration, which the
# watchdog changes before anybody is promoted, points at this node or not. A standby says it and keeps the session for longer than an armed node may do anything with the
# answer (the notice is sent before the sleep begins, and the server does not notice that its client is gone): there the watchdog sees that this node may have started anew.
ask_peers() { # LIMIT_MS
  # In memory where there is such a place: neither a full nor a hanging disk must keep it from asking.
  asked=$(mktemp -d /dev/shm/pgwatchdog-boot.XXXXXX 2> /dev/null || mktemp -d "$state/boot.XXXXXX") || return
  for peer in $peers; do
    PGPASSFILE=$state/passfile PGCONNECT_TIMEOUT=2 PGAPPNAME=pgwatchdog_boot_check PGOPTIONS='-c statement_timeout=0 -c client_min_messages=notice' \
      timeout $((ttl / 500 + 10)) "$bin/psql" -X -q -w -h "${peer%:*}" -p "${peer##*:}" -U "$role" -d "$database" -f - > "$asked/${peer##*:}-${peer%:*}" 2>&1 9>&- << SQL &
DO \$\$
DECLARE
  upstream text;
BEGIN
  IF NOT pg_is_in_recovery() THEN
    RAISE NOTICE 'told primary %', ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    RETURN;
  END IF;
  upstream := replace(coalesce(substring(convert_from(pg_read_binary_file('$managed'), 'UTF8') FROM '(?n)^primary_conninfo = (.*)\$'), ''), '''', '');
  RAISE NOTICE 'told % %', coalesce(substring(upstream FROM 'application_name=(\S+)'), '-'), CASE WHEN position('host=$host port=$port ' IN upstream) > 0 THEN 'follows' ELSE 'strays' END;
  PERFORM pg_sleep($((ttl / 500 + 2)));
END \$\$
SQL
  done
  tries=0
  until [ $tries -ge $(($1 / 50)) ] || all_said; do
    sleep 0.05
    tries=$((tries + 1))
  done
  sed -n 's/.*: *told //p' "$asked"/*
  rm -rf "$asked"
}

# An answer, or why there is none.
all_said() {
  for peer in $peers; do
    [ -s "$asked/${peer##*:}-${peer%:*}" ] || return 1
  done
}

boot_check() { # LIMIT_MS
  [ ! -e "$data/standby.signal" ] || return 0
  own=$("$bin/pg_controldata" "$data" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
  [ -n "$own" ] || { echo "pg_controldata cannot read $data" >&2; return 1; }
  read_order
  told=$(ask_peers "$1")
  newest=$(echo "$told" | sed -n 's/^primary //p' | sort -n | tail -n 1)
  if [ "${newest:-0}" -gt "$own" ]; then
    echo "another node is primary on timeline $newest, this one is on $own: make it a standby (pgwatchdog setup CLUSTER --overwrite NODE)" >&2
    return 1
  fi
  [ -n "$id" ] || return 0
  for name in $(echo "$told" | sed -n 's/ follows$//p'); do
    case ,$vouchers, in *,"$name",*) return 0 ;; esac
  done
  if [ -z "$told" ]; then
    echo "no other node answers, and this one was armed when it went down: another may have been promoted meanwhile;" \
      "if you know that none was: rm '$order'" >&2
  else
    echo "this node was armed when it went down, and none of $vouchers says that it still follows it ($(echo "$told" | paste -sd ,)): another may be about to be promoted;" \
      "if you know that none is: rm '$order'" >&2
  fi
  return 2
}

# For whoever starts PostgreSQL: standbys may be starting as well.
wait_for_leave() { # SECONDS
  read -r began _ < /proc/uptime
  while :; do
    said=$(boot_check 3000 2>&1)
    status=$?
    read -r uptime _ < /proc/uptime
    [ $status -eq 2 ] && [ $((${uptime%.*} - ${began%.*})) -lt "$1" ] || break
    sleep 1
  done
  [ -z "$said" ] || echo "$said" >&2
  return $status
}

# --- How it is started and ended.

# Shared, so that two who look do not see each other.
alive() { [ -e "$lock" ] && ! flock -s -n "$lock" true; }

run() {
  exec 9>> "$lock"
  flock -w 2 9 || { echo "it runs already" >&2; exit 1; }
  echo $$ > "$lock"
  cd /
  # What one that was killed while it asked has left.
  find /dev/shm -maxdepth 1 -name 'pgwatchdog-boot.*' -user "$(id -un)" -mmin +5 -exec rm -rf {} + 2> /dev/null
  # A shell that cannot fork ends. With one of the two gone the other would still look like a guard: all of it ends, its session too, and whoever started it starts it again.
  { { (ticks); kill -s KILL 0; } & (answers); kill -s KILL 0; } 9>&- | watch_over
}

# Put there by root (`pgwatchdog config host`): PostgreSQL's account may start and stop it, and has no other right by it.
unit=/etc/systemd/system/pgwatchdog-guard-$port.service

has_unit() { [ -d /run/systemd/system ] && [ -e "$unit" ]; }

start() {
  alive && return
  if has_unit; then
    sudo -n systemctl restart "${unit##*/}" || return 1
  else
    setsid /bin/sh "$self" run > /dev/null 2>&1 < /dev/null 9>&- &
  fi
  tries=0
  until alive; do
    [ $tries -lt 50 ] || { echo "the guard does not start" >&2; return 1; }
    sleep 0.1
    tries=$((tries + 1))
  done
}

# The whole process group: what reads, what ticks and what asks.
stop() {
  ! has_unit || sudo -n systemctl stop "${unit##*/}" || return 1
  tries=0
  while alive; do
    [ $tries -lt 50 ] || { echo "the guard does not end" >&2; return 1; }
    kill -s KILL -- "-$(cat "$lock")" 2> /dev/null
    sleep 0.1
    tries=$((tries + 1))
  done
}

case ${1-} in
  run | start | stop) "$1" ;;
  status) alive ;;
  boot-check) wait_for_leave "${2:-0}" ;;
  *) sed -n '/^#   guard/s/^# *//p' "$0" >&2; exit 64 ;;
esac
