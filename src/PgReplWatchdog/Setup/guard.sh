#!/bin/sh
# The guard of PgReplWatchdog: a primary that nobody outside acknowledges any more stops itself. Installed by `pgwatchdog setup`
# in DATADIR.pgwatchdog, runs as PostgreSQL's account. docs/runbook.md, "The guard"; docs/decisions/0006.
#
#   guard start        run it in the background, under systemd where that is and sudo allows it; nothing if it runs
#   guard stop         end it (PostgreSQL is left alone)
#   guard run          run it here
#   guard status       does it run? 0 yes
#   guard boot-check   may this node start as a primary? 0 yes, 1 no with a sentence on standard error
#
# All times are milliseconds of this host's uptime: monotonic, and no other machine's clock enters.
umask 077
export LC_ALL=C
state=$(cd "$(dirname "$0")" && pwd -P) || exit 1
data=${state%.pgwatchdog} self=$state/guard order=$state/guard.armed lock=$state/guard.pid block=$data/recovery.conf
. "$state/guard.conf" || exit 1 # bin port role database peers

# One line: ID TTL_MS WATCHDOG_ROLE VOUCHER,VOUCHER,... ; no file is disarmed.
read_order() {
  id='' ttl=''
  [ -r "$order" ] && read -r id ttl _ < "$order"
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
  while :; do
    read_order
    read_postmaster
    if [ -n "$running" ]; then
      PGAPPNAME=pgwatchdog_guard PGOPTIONS='-c synchronous_commit=local -c log_statement=none -c log_min_duration_statement=-1 -c log_min_duration_sample=-1' \
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
SELECT 'row', uptime, in_recovery, coalesce(position - '0/0', 0), coalesce((SELECT max(position) FROM acknowledged) - '0/0', 0), coalesce(word[1], '-'),
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

# --- What is known. id ttl: the order. pid: the postmaster. checked: it may be primary. leased: it has been seen as an armed primary, and
# proof is the last time of which somebody outside has acknowledged what it wrote. pairs: uptime:position, not acknowledged yet.

watch_over() {
  id='' pid='' checked='' leased='' proof=0 since=0 pairs='' session='' period='' lost=''
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
    rm -f "$order" # an order is for a primary: it must not wait here until this node is one
    checked=yes leased='' since=$1 # when it is promoted nobody has to be asked: it was its own decision to be a standby until then
    return
  fi
  [ -n "$id" ] && [ "$5" = "$id" ] || return
  if [ -z "$checked" ]; then
    reason=$(boot_check 2>&1) || { stop_server "$reason"; return; }
    checked=yes
  fi
  [ -n "$leased" ] || leased=yes proof=$1 pairs=''
  left=''
  for pair in $pairs "$1:$3"; do
    if [ "${pair#*:}" -le "$4" ]; then
      proof=${pair%:*}
    elif [ "${pair%:*}" -ge $(($1 - ttl)) ]; then
      left="$left $pair"
    fi
  done
  pairs=$left
}

tick() { # NOW
  now=$1 was=$id
  read_order
  read_postmaster
  if [ "$id" != "$was" ]; then
    [ -n "$id" ] && log "armed, order $id: $ttl ms" || log "disarmed"
  fi
  if [ -n "$session" ] && [ "$period" != "$poll" ]; then
    kill "$session" && session='' # it is started again with the period of this order
  fi
  if [ -n "$running" ] && [ "$running" != "$pid" ]; then
    pid=$running leased='' checked='' since=$1
  fi
  if [ -z "$id" ]; then
    checked=yes leased='' since=$1
  elif [ -n "$leased" ]; then
    [ $(($1 - proof)) -gt "$ttl" ] || return
    if [ -n "$lost" ] && [ "$(ready)" = 1 ]; then
      leased='' checked='' since=$1 # it recovers from a crash or shuts down: nobody is served, and if it serves again it is asked again
    else
      stop_server "for more than $ttl ms nobody outside has acknowledged what this primary wrote"
    fi
  elif [ -n "$running" ] && [ $(($1 - since)) -gt "$ttl" ] && [ ! -e "$data/standby.signal" ]; then
    [ "$(ready)" != 2 ] || stop_server "it has not answered for more than $ttl ms since it started"
    since=$1
  fi
}

# 0 accepts connections, 1 rejects them (starting up, recovering, shutting down), 2 does not answer.
ready() {
  "$bin/pg_isready" -q -t 1 -h "$(socket 5)" -p "$(socket 4)"
  echo $?
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
    sleep 0.05
    tries=$((tries + 1))
  done
  log "stopped PostgreSQL: $reason"
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

# Whom to ask, all at once, bounded: "in_recovery timeline" of each that answers.
ask_peers() {
  for peer in $peers; do
    PGPASSFILE=$state/passfile PGCONNECT_TIMEOUT=2 PGAPPNAME=pgwatchdog_boot_check timeout --foreground 3 "$bin/psql" -X -q -w -A -t -F ' ' \
      -h "${peer%:*}" -p "${peer##*:}" -U "$role" -d "$database" -f - 2> /dev/null << 'SQL' &
SELECT pg_is_in_recovery(), CASE WHEN NOT pg_is_in_recovery() THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int ELSE 0 END
SQL
  done
  wait
}

boot_check() {
  [ ! -e "$data/standby.signal" ] || return 0
  own=$("$bin/pg_controldata" "$data" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
  [ -n "$own" ] || { echo "pg_controldata cannot read $data" >&2; return 1; }
  told=$(ask_peers)
  newest=$(echo "$told" | sed -n 's/^f //p' | sort -n | tail -n 1)
  if [ "${newest:-0}" -gt "$own" ]; then
    echo "another node is primary on timeline $newest, this one is on $own: make it a standby (pgwatchdog setup CLUSTER --overwrite NODE)" >&2
    return 1
  fi
  if [ -z "$told" ] && [ -e "$order" ]; then
    echo "no other node answers, and this one was armed when it went down: another may have been promoted meanwhile;" \
      "if you know that none was: rm '$order'" >&2
    return 1
  fi
}

# --- How it is started and ended.

# Shared, so that two who look do not see each other.
alive() { [ -e "$lock" ] && ! flock -s -n "$lock" true; }

run() {
  exec 9>> "$lock"
  flock -w 2 9 || { echo "it runs already" >&2; exit 1; }
  echo $$ > "$lock"
  cd /
  { ticks & answers; } 9>&- | watch_over
}

unit=/etc/systemd/system/pgwatchdog-guard-$port.service

start() {
  alive && return
  if [ -d /run/systemd/system ] && sudo -n true 2> /dev/null; then
    quoted=$(echo "$self" | sed 's/%/%%/g')
    sudo -n tee "$unit" > /dev/null << END && sudo -n systemctl daemon-reload && sudo -n systemctl enable -q "${unit##*/}" && sudo -n systemctl restart "${unit##*/}" || return 1
[Unit]
Description=PgReplWatchdog guard of PostgreSQL in $data

[Service]
User=$(id -un)
ExecStart=/bin/sh "$quoted" run
Restart=always
RestartSec=1
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
END
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
  if [ -e "$unit" ]; then
    sudo -n systemctl disable -q --now "${unit##*/}" && sudo -n rm -f "$unit" && sudo -n systemctl daemon-reload || return 1
  fi
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
  boot-check) boot_check ;;
  *) sed -n '/^#   guard/s/^# *//p' "$0" >&2; exit 64 ;;
esac
