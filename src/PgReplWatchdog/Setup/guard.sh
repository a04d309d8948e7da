#!/bin/bash
# The guard of PgReplWatchdog: a primary that nobody outside acknowledges any more stops itself. Installed by
# `pgwatchdog setup` in DATADIR.pgwatchdog, runs as PostgreSQL's account. docs/runbook.md, "The guard";
# docs/decisions/0006 and 0012.
#
#   guard start        run it in the background, under systemd where its unit is installed; nothing if it runs
#   guard stop         end it (PostgreSQL is left alone)
#   guard run          run it here; whoever runs it restarts it (the systemd unit)
#   guard keep         run it here, with a second process that restarts it
#   guard status       does it run, and does something start it again when it ends? 0 yes, 1 it does not run,
#                      2 nothing starts it again
#   guard boot-check [SECONDS]   may this node start as a primary? 0 yes, else a sentence on standard error:
#                      1 no, 2 nobody says yes (asked again for SECONDS, since a standby may be starting as well)
#
# All times are milliseconds of this host's uptime: monotonic, and no other machine's clock enters.
# shellcheck disable=SC1091,SC2154 # guard.conf and server.conf are written by set-up
if [ -z "${BASH_VERSION-}" ]; then # called as "/bin/sh guard"
  [ -x /bin/bash ] || { echo "the guard needs /bin/bash: install bash" >&2; exit 1; }
  exec /bin/bash "$0" "$@"
fi
set +o posix
umask 077
export LC_ALL=C TZ=UTC0
state=$(cd "$(dirname "$0")" && pwd -P) || exit 1
data=${state%.pgwatchdog} self=$state/guard order=$state/guard.armed lock=$state/guard.pid block=$data/recovery.conf
names=''
. "$state/guard.conf" || exit 1 # bin host port role database managed peers server_log names
read -r boot < /proc/sys/kernel/random/boot_id
# What was proven outlives the process: in memory, so that no disk can hold up the loop that writes it, and in a
# directory into which nobody else can put anything. Where there is none a restarted guard asks the other nodes.
memory=/dev/shm/pgwatchdog-guard.$UID${state//\//_} proven=/dev/null

never=-1000000000 # a time

# --- Used by all processes of the guard. No forks here: the loop that decides uses these.

# One line: ID TTL_MS WATCHDOG_ROLE VOUCHER,VOUCHER,... OWNER; no file is disarmed. A file that cannot be read, or is
# torn after a loss of power, is an order that is not known: the one before it stays, and none is no leave.
read_order() {
  line=''
  { read -r line < "$order"; } 2> /dev/null
  if [[ $line =~ ^([^ ]+)\ ([1-9][0-9]{0,8})\ ([^ ]+)\ ?([^ ]*) ]]; then
    id=${BASH_REMATCH[1]} ttl=${BASH_REMATCH[2]} vouchers=${BASH_REMATCH[4]}
  elif [ -r "$state/guard.conf" ] && [ ! -e "$order" ]; then
    id='' ttl=6000 vouchers=''
  else
    id=${id:-unreadable} ttl=${ttl:-6000}
  fi
  poll=$((ttl / 12))
  [ "$poll" -ge 100 ] || poll=100
  [ "$poll" -le 500 ] || poll=500
}

# A crashed postmaster leaves its file, and its number may be somebody else's by now.
read_postmaster() {
  file=() running=''
  { mapfile -t file < "$data/postmaster.pid"; } 2> /dev/null
  running=${file[0]-}
  [ -n "$running" ] && [ "/proc/$running/cwd" -ef "$data" ] || running=''
}

uptime() { # sets now, which stays where it cannot be read
  { read -r clock _ < /proc/uptime; } 2> /dev/null && now=${clock%.*}${clock#*.}0
}

nap() { read -r -t "0.$1" -u 8 _; } # MILLISECONDS, three digits; nothing is ever written there

# The loop reads from 5, and from 3 that the start block is there; the asker from 6; the writer from 7.
tell() { echo "$*" >&5; }
log() { echo "log $*" >&7; }

# --- The helpers: each may hang, or die of a failed fork, and is started again. The loop goes on without them.

# The files on the disk, read by one that may hang with it.
read_files() {
  while :; do
    read_order
    read_postmaster
    standby=no blocked=no
    [ ! -e "$data/standby.signal" ] || standby=yes
    ! is_own_block || blocked=yes
    tell files "${id:--} $ttl ${running:--} ${file[2]:-0} ${file[7]:--} $standby $blocked"
    nap $poll
  done
}

# The uptime is read before the message is written, by the server, in the same statement: whoever acknowledges the
# position behind the message was reached after that time. pg_logical_emit_message returns that position.
# A watchdog's session says in its application_name which position it has seen; more than there is, is no answer of this
# server. psql can only write into the pipe: when nobody is there to read it ends, and no session says that a guard lives.
# The message says by its words that the guard lives, and when: under which order, and after what each standby had
# flushed. A standby that receives it testifies for the guard (docs/decisions/0013). Any role may write a message: this
# one is signed with what only superusers of this cluster can read.
ask_server() {
  sample='-c log_min_duration_sample=-1'
  read -r major < "$data/PG_VERSION"
  [ "${major%%.*}" -ge 13 ] || sample=''
  while :; do
    read_order
    read_postmaster
    if [ -n "$running" ]; then
      PGAPPNAME=pgwatchdog_guard PGCONNECT_TIMEOUT=2 \
        PGOPTIONS="-c synchronous_commit=local -c log_statement=none -c log_min_duration_statement=-1 $sample" \
        "$bin/psql" -X -q -A -t -F ' ' -d postgres -h "${file[4]}" -p "${file[3]}" -v ON_ERROR_STOP=1 \
        -v order="$order" -v pause="0.$poll" -f - 2> /dev/null > /proc/self/fd/5 3>&- 5>&- 6>&- 7>&- 8>&- << 'SQL' &
WITH clock AS MATERIALIZED (
    SELECT (split_part(pg_read_file('/proc/uptime'), ' ', 1)::numeric * 1000)::bigint AS uptime,
           pg_is_in_recovery() AS in_recovery
), armed AS MATERIALIZED (
    SELECT regexp_match(pg_read_file(:'order', 0, 10000, true), '^(\S+) ([0-9]+) (\S+) ?(\S*) ?([0-9a-f]*)') AS word
      FROM clock
), said AS MATERIALIZED (
    SELECT concat_ws(' ', word[1], coalesce(nullif(word[5], ''), '-'), (
               SELECT string_agg(application_name || '=' || flush_lsn, ' ') FROM pg_stat_replication
                WHERE application_name = ANY (string_to_array(word[4], ',')))) AS words,
           (SELECT rolpassword FROM pg_authid WHERE rolname = word[3]) AS secret
      FROM armed
), told AS MATERIALIZED (
    SELECT *, CASE WHEN word IS NOT NULL AND NOT in_recovery
                   THEN pg_logical_emit_message(false, 'pgwatchdog ' || words || coalesce(
                            ' ' || encode(sha256(convert_to(secret || words, 'UTF8')), 'hex'), ''), '')
              END AS position FROM clock, armed, said
), acknowledged AS (
    SELECT flush_lsn AS position FROM told, pg_stat_replication
     WHERE position IS NOT NULL AND application_name = ANY (string_to_array(word[4], ','))
       AND flush_lsn <= CASE WHEN NOT in_recovery THEN pg_current_wal_flush_lsn() END
    UNION ALL
    SELECT seen FROM told, pg_stat_activity,
           CAST(substring(application_name FROM '^pgwatchdog ' || CASE word[5] WHEN '' THEN '' ELSE word[5] || ' ' END
                                             || '([0-9A-F]{1,8}/[0-9A-F]{1,8})$') AS pg_lsn) AS seen
     WHERE usename = word[3] AND seen <= position
)
SELECT 'row', uptime, in_recovery, coalesce(position - '0/0', 0),
       coalesce((SELECT position FROM acknowledged ORDER BY position DESC NULLS LAST LIMIT 1) - '0/0', 0),
       coalesce(word[1], '-'),
       set_config('application_name',
                  coalesce(rtrim('pgwatchdog_guard armed ' || word[1] || ' ' || word[5]), 'pgwatchdog_guard'), false)
  FROM told
\watch :pause
SQL
      tell session $! "$poll"
      wait $!
      tell lost
      timeout -s KILL 0.6 "$bin/pg_isready" -q -t 1 -h "${file[4]}" -p "${file[3]}"
      status=$? # 0 accepts connections, 1 rejects them (starting up, recovering, shutting down), else no answer
      uptime
      tell ready $status "$now"
    fi
    nap $poll
  done
}

# Asks the other nodes: "ask" for the loop, "revive" for a server that the guard has stopped.
ask_others() {
  reviving='' attempts=0 attempt_at=$never attempt_of=''
  while read -r -u 6 what limit asked_at; do
    uptime
    [ $((now - asked_at)) -le "$limit" ] || continue
    read_order
    if [ "$what" = ask ]; then
      reason=$(boot_check "$limit" 2>&1)
      status=$?
      tell leave $status "$asked_at" "${reason//$'\n'/ }"
    elif may_revive && boot_check "$limit" revive > /dev/null 2>&1; then
      revive "$now"
    fi
  done
}

# One start at a time, each later than the one before, five in all: a server that does not start, or does not stay,
# is left to a person. One that stayed for a minute, or another order, begins anew.
may_revive() {
  if [ -n "$reviving" ]; then
    ! kill -0 "$reviving" 2> /dev/null || return 1
    ! wait "$reviving" || [ $((now - attempt_at)) -le 60000 ] || attempts=0
    reviving=''
  fi
  [ "$attempt_of" = "$id" ] || attempts=0
  [ "$attempts" -lt 5 ] && [ $((now - attempt_at)) -ge $((attempts * 5000)) ]
}

is_own_block() { # the guard's, not the watchdog's fence
  first=''
  { [ -e "$block" ] && read -r first < "$block"; } 2> /dev/null
  case $first in "# Put here by the guard of PgReplWatchdog ($self) "*) return 0 ;; esac
  return 1
}

# A lease standby still follows this node, so nobody was promoted: every promotion detaches all of them first. The
# watchdog's fence takes the same lock, and removes the order: a fenced node is not started.
revive() { # ASKED_AT
  config=$data unit='' armed=$id
  [ ! -r "$state/server.conf" ] || . "$state/server.conf"
  # What the guard starts without a unit of its own would belong to the guard's unit, and end with it.
  [ -n "$unit" ] || ! has_unit || return
  (
    flock -w 1 4 || exit 1
    is_own_block || exit 1
    read_order
    uptime
    [ -n "$id" ] && [ "$id" = "$armed" ] && [ $((now - $1)) -le $((ttl / 2)) ] || exit 1
    is_own_block && rm -f "$block"
  ) 4>> "$state/block.lock" || return
  attempts=$((attempts + 1)) attempt_at=$1 attempt_of=$id
  log "starting PostgreSQL again ($attempts of 5): a lease standby still follows this node"
  start_server 3>&- 5>&- 6>&- &
  reviving=$!
}

# In the background: a start may take long, and who asks must not wait for it.
start_server() {
  if [ -n "$unit" ] && [ -e "/etc/systemd/system/pgwatchdog-start-$port.path" ]; then
    : > "$state/start" # which that unit waits for
    started_by_unit
  elif [ -n "$unit" ] && [ -d /run/systemd/system ]; then
    sudo -n systemctl start "$unit" < /dev/null > /dev/null 2>&1 7>&- 8>&-
  else
    setsid env -u LC_ALL -u TZ "$bin/pg_ctl" start -w -t 60 -D "$config" -l "${server_log:-$state/start.log}" \
      < /dev/null > /dev/null 2>&1 7>&- 8>&-
  fi
  read_postmaster
  [ -z "$running" ] || return 0
  (
    flock -w 1 4 # without it as well: the block keeps a server down
    read_order
    [ -z "$id" ] || [ -e "$block" ] || block_start "it did not start again"
  ) 4>> "$state/block.lock"
  log "PostgreSQL did not start again: see its log"
  return 1
}

# As systemctl start waits: until the server runs, or its unit has failed. It may ask the other nodes for a minute first.
started_by_unit() {
  for round in {1..150}; do
    nap 500
    read_postmaster
    [ -z "$running" ] || return 0
    [ "$round" -lt 4 ] || case $(systemctl show -P ActiveState "$unit" 2> /dev/null) in failed | inactive) return 1 ;; esac
  done
}

# What goes to the disk, which may hang.
write_files() {
  while read -r -u 7 what text; do
    case $what in
      block)
        { flock -w 1 4; [ -e "$block" ] || block_start "$text"; } 4>> "$state/block.lock"
        echo >&3
        ;;
      disarm) rm -f "$order" ;;
      log)
        [ "$(wc -c < "$state/guard.log" 2> /dev/null || echo 0)" -lt 65536 ] ||
          { tail -c 32768 "$state/guard.log" > "$state/guard.log.new" &&
            mv -f "$state/guard.log.new" "$state/guard.log"; }
        printf '%(%Y-%m-%dT%H:%M:%SZ)T %s\n' -1 "$text" >> "$state/guard.log"
        ;;
    esac
  done
}

# --- The loop that decides. It never forks and never waits for anybody: a time-out of its read is its tick.
# id ttl: the order. pid: the postmaster. checked: it may be primary. leased: it has been seen as an armed primary.
# proof: the last time of which somebody outside has acknowledged what it wrote, or a voucher was asked whether it may
# start; it outlives the server: the watchdog counts from there, and a start that nobody outside has heard of gives no
# new time. granted: the postmaster for which a voucher gave leave. pairs: uptime:position, not acknowledged yet.

watch_over() {
  id='' ttl=6000 poll=500 running='' pid='' phase='' standby='' blocked='' session='' period='' lost=''
  checked='' leased='' granted='' proof=$never since=0 pairs='' asking='' until=0 why='' status=2 ready_at=$never
  demand='' due=0 base='' next=0 next_at=0 revived=$never row_at=$never
  while :; do
    lines=0
    if read -r -t "0.$poll" -u 5 what one two three four five six seven more; then
      heard
      # All that has come in before it decides: an acknowledgement may be among it.
      while [ $lines -lt 2000 ] && read -r -t 0 -u 5 &&
        read -r -t "0.$poll" -u 5 what one two three four five six seven more; do
        heard
        lines=$((lines + 1))
      done
    fi
    decide
  done
}

heard() {
  case $what in
    files) files_are ;;
    row) row "$one" "$two" "$three" "$four" "$five" ;;
    session)
      [ -z "$session" ] || [ "$session" = "$one" ] || kill "$session" 2> /dev/null
      session=$one period=$two
      ;;
    lost) session='' lost=yes ;;
    ready) status=$one ready_at=$two ;;
    leave) left "$one" "$two" "$three $four $five $six $seven $more" ;;
  esac
}

files_are() {
  uptime
  was=$id ttl=$two running=${three#-} phase=$five standby=$six blocked=$seven
  id=${one#-}
  poll=$((ttl / 12))
  [ "$poll" -ge 100 ] || poll=100
  [ "$poll" -le 500 ] || poll=500
  if [ "$id" != "$was" ]; then
    if [ -n "$id" ]; then log "armed, order $id: $ttl ms"; else log "disarmed"; fi
  fi
  if [ -n "$session" ] && [ "$period" != "$poll" ]; then
    kill "$session" 2> /dev/null
    session='' # it is started again with the period of this order
  fi
  if [ -n "$running" ] && [ "$running:$four" != "$pid" ]; then
    first=$pid pid=$running:$four leased='' checked='' granted='' since=$now
    [ -n "$first" ] || restore
  fi
}

# A guard that was killed goes on with what was proven before, of the same server under the same order.
restore() {
  { read -r said_boot said_id said_pid said_proof _ < "$proven"; } 2> /dev/null || return 0
  [ "$said_boot $said_id $said_pid" = "$boot ${id:--} $pid" ] || return 0
  [[ $said_proof =~ ^[1-9][0-9]{0,14}$ ]] && [ "$said_proof" -le "$now" ] || return 0
  proof=$said_proof lost=yes
  if [ $((now - proof)) -le "$ttl" ]; then
    leased=yes checked=yes
  else
    ask_leave # it was gone for longer than what was proven lasts
  fi
}

keep_proof() { # one write over the old one: never empty, never torn
  { printf '%-120s\n' "$boot ${id:--} $pid $proof" 1<> "$proven"; } 2> /dev/null
}

row() { # UPTIME IN_RECOVERY POSITION ACKNOWLEDGED ID
  lost='' row_at=$1
  if [ "$2" = t ]; then
    # An order is for a primary: it must not wait here until this node is one. The session has shown it by now.
    [ -z "$id" ] || [ "$5" != "$id" ] || echo disarm >&7
    checked=yes leased='' since=$1 # once promoted it needs nobody's leave: it was its own decision to be a standby
    return
  fi
  [ -n "$id" ] && [ "$5" = "$id" ] || return
  if [ -z "$checked" ]; then
    uptime
    if [ "$granted" != "$pid" ] || [ $((now - proof)) -gt "$ttl" ]; then
      ask_leave
      return
    fi
    checked=yes leased=yes pairs=''
  fi
  # Armed while it served: the watchdog relies on that from here on.
  [ -n "$leased" ] || { leased=yes proof=$1 pairs=''; keep_proof; }
  kept='' before=$proof
  for pair in $pairs "$1:$3"; do
    if [ "${pair#*:}" -le "$4" ]; then
      [ "${pair%:*}" -le "$proof" ] || proof=${pair%:*}
    elif [ "${pair%:*}" -ge $(($1 - ttl)) ]; then
      kept="$kept $pair"
    fi
  done
  pairs=$kept
  [ "$proof" = "$before" ] || keep_proof
}

left() { # STATUS ASKED_AT WHY
  uptime
  asking='' why=$3
  [ -n "$id" ] && [ $((now - $2)) -le $((ttl + 3000)) ] || return
  case $1 in
    0) granted=$pid; # good from the time at which it was asked: what comes late has less of it left
      [ "$2" -le "$proof" ] || { proof=$2; keep_proof; } ;;
    2) [ $((now - proof)) -le "$ttl" ] || [ -n "$checked" ] || stop_server "$why" ;;
    *) [ -n "$checked" ] || stop_server "$why" ;;
  esac
}

decide() {
  uptime
  look_at_clocks
  age=$((now - proof))
  if [ -z "$id" ]; then
    checked=yes leased='' granted='' since=$now asking=''
    return
  fi
  if [ -n "$leased" ]; then # whatever its server looks like
    if [ "$age" -gt "$ttl" ]; then
      stop_server "for more than $ttl ms nobody outside has acknowledged what this primary wrote"
    elif [ -n "$demand" ] && [ "$now" -gt "$due" ]; then
      stop_server "its host was paused, and within $patience ms nobody outside has acknowledged what this primary wrote"
    fi
  elif [ -z "$running" ]; then
    if [ "$blocked" = yes ] && [ $((now - revived)) -ge 2000 ]; then # it asks again and again
      revived=$now
      echo "revive 2000 $now" >&6
    fi
  elif [ "$standby" = no ] && [ $((now - since)) -gt "$ttl" ]; then
    if ! answers && [ $((now - row_at)) -gt 2000 ] && { [ -n "$session" ] || [ $((now - ready_at)) -le 2000 ]; }; then
      stop_server "it has not answered for more than $ttl ms since it started"
    fi
    since=$now
  fi
  # It recovers, shuts down, or lets everybody in but the guard: a lease standby's word does for an acknowledgement. A
  # recovery may end at any moment, and then it serves: one that has started must not without leave.
  if [ -n "$running" ] && [ "$standby" = no ] && [ -n "$lost" ] && { [ -n "$leased" ] || [ -z "$checked" ]; } &&
    [ $((2 * age)) -gt "$ttl" ] && answers; then
    since=$now
    ask_leave
  fi
  if [ -n "$asking" ] && [ "$now" -gt "$until" ]; then # one who does not answer has not said yes
    asking=''
    [ -n "$checked" ] || [ $((now - proof)) -le "$ttl" ] || stop_server "${why:-no other node answers}"
  fi
}

answers() { [ "$status" -le 1 ] && [ $((now - ready_at)) -le 2000 ]; }

# A pause that the uptime does not show, and after which somebody sets the wall clock right, moves that against the uptime.
# So does a step of the wall clock, and then a fresh acknowledgement comes soon. Short ones are summed up: base is from
# before what was acknowledged last.
look_at_clocks() {
  [ -n "${EPOCHREALTIME-}" ] || return # bash before 5.0
  drift=$((${EPOCHREALTIME/./} / 1000 - now)) patience=$((ttl / 2))
  [ "$patience" -ge 2500 ] || patience=2500 # what a watchdog alone acknowledges, once a second, may be that old
  [ -n "$base" ] || base=$drift next=$drift next_at=$now
  [ "$proof" -le "$next_at" ] || { base=$next next=$drift next_at=$now; }
  [ "$drift" -ge "$base" ] || base=$drift
  [ "$drift" -ge "$next" ] || next=$drift
  if [ $((drift - base)) -ge 1000 ]; then
    [ -n "$demand" ] || due=$((now + patience))
    demand=$now base=$drift next=$drift next_at=$now
  fi
  [ -z "$demand" ] || [ "$proof" -le "$demand" ] || demand=''
  [ -n "$leased" ] || demand=''
}

# One that has just started, or is about to. What it was granted earlier counts as long as it lasts.
ask_leave() {
  uptime
  [ -z "$asking" ] || [ "$now" -gt "$until" ] || return
  limit=2000 rest=$((ttl - (now - proof)))
  asking=$now until=$((now + 2300))
  if [ "$rest" -gt "-$ttl" ] && [ "$rest" -le 2000 ]; then # what was granted must not be overdrawn by asking
    [ "$rest" -ge 500 ] || rest=500
    limit=$rest until=$((now + rest))
  fi
  echo "ask $limit $now" >&6
}

# Whatever of PostgreSQL works on the data directory, also where the postmaster is gone or stopped. What waits for a
# disk that hangs (state D) with SIGKILL pending does nothing any more.
processes() { # sets victims
  victims=()
  for place in /proc/[0-9]*; do
    [ "$place/cwd" -ef "$data" ] || continue
    { read -r name < "$place/comm"; } 2> /dev/null || continue
    case $name in postgres | postmaster) ;; *) continue ;; esac # not the shell of somebody who looks around there
    is_gone "$place/status" || victims+=("${place#/proc/}")
  done
}

is_gone() { # FILE
  process='' pending=0
  while read -r word value _; do
    case $word in
      State:) [ "$value" = D ] || return 1; process=D ;;
      SigPnd: | ShdPnd:) pending=$((pending | 16#${value: -3})) ;;
    esac
  done 2> /dev/null < "$1"
  [ "$process" = D ] && [ $((pending & 0x100)) -ne 0 ]
}

# No process: nothing to stop, and no start block: an administrator may stop his server.
stop_server() { # REASON
  processes
  if [ ${#victims[@]} -eq 0 ]; then
    leased='' checked='' granted='' since=$now
    return
  fi
  # From here on it acknowledges nothing, however long the block takes. Twice: one that was forked meanwhile.
  kill -STOP "${victims[@]}" 2> /dev/null
  processes
  kill -STOP "${victims[@]}" 2> /dev/null
  # One that shuts down is being stopped by somebody who may start it again. A disk that hangs must not keep PostgreSQL
  # alive: the block is not waited for longer than this.
  if [ "$phase" != stopping ]; then
    while read -r -t 0 -u 3; do read -r -t 0.1 -u 3 _; done
    echo "block $1" >&7
    read -r -t 0.3 -u 3 _
  fi
  case " ${victims[*]} " in *" $running "*) kill -QUIT "$running" && kill -CONT "$running" ;; esac 2> /dev/null
  tries=0
  while processes; [ ${#victims[@]} -gt 0 ]; do
    if [ $tries -ge 100 ]; then # the next tick tries again
      log "processes of $data do not end: ${victims[*]}"
      return
    fi
    for victim in "${victims[@]}"; do
      [ "$victim" = "$running" ] && [ $tries -lt 4 ] || kill -KILL "$victim" 2> /dev/null
    done
    nap 050
    tries=$((tries + 1))
  done
  leased='' checked='' granted='' since=$now running='' lost=yes
  revived=$((now + 2 * ttl)) # a watchdog that is there takes its decision first
  log "stopped PostgreSQL: $1"
}

# PostgreSQL 12 and later refuse to start while this file is there.
block_start() { # REASON
  printf -v at '%(%Y-%m-%dT%H:%M:%SZ)T' -1
  cat > "$block.new" << END && mv -f "$block.new" "$block"
# Put here by the guard of PgReplWatchdog ($self) at $at.
# It stopped PostgreSQL: $1.
# While this file is here PostgreSQL does not start: another node may have been promoted meanwhile.
# The guard starts PostgreSQL again once a lease standby says that it still follows this node.
# Else see which node is the primary (pgwatchdog status). If this one is to serve again as it is: rm '$block' '$order'
END
}

# Whom to ask, all at once: a line of each that answers in time. "primary TIMELINE:HISTORY" (whether its history file of
# that timeline branches off this node's, and where: docs/decisions/0012), or "NAME follows", or "NAME
# strays": its configuration, which the watchdog changes before anybody is promoted, points at this node or not. A
# standby says it and keeps the session for longer than an armed node may do anything with the answer (the notice is
# sent before the sleep begins, and the server does not notice that its client is gone): there the watchdog sees that
# this node may have started anew. After these two words stands the host that was asked, and its node's name where
# guard.conf has it. "? unreadable": a server is there, and said something else.
ask_peers() { # LIMIT_MS
  # In memory where there is such a place: neither a full nor a hanging disk must keep it from asking.
  asked=$(mktemp -d /dev/shm/pgwatchdog-boot.XXXXXX 2> /dev/null || mktemp -d "$state/boot.XXXXXX") || return
  for peer in $peers; do
    PGPASSFILE=$state/passfile PGCONNECT_TIMEOUT=2 PGAPPNAME=pgwatchdog_boot_check \
      PGOPTIONS='-c statement_timeout=0 -c client_min_messages=notice' \
      timeout $((ttl / 500 + 10)) "$bin/psql" -X -q -w -h "${peer%:*}" -p "${peer##*:}" -U "$role" -d "$database" -f - \
      > "$asked/${peer##*:}-${peer%:*}" 2>&1 3>&- 5>&- 6>&- 7>&- 8>&- << SQL &
DO \$\$
DECLARE
  upstream text;
  timeline int;
  history text;
BEGIN
  IF NOT pg_is_in_recovery() THEN
    timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    BEGIN
      IF timeline > 1 THEN
        history := convert_from(pg_read_binary_file('pg_wal/' || lpad(upper(to_hex(timeline)), 8, '0') || '.history'),
          'UTF8');
      END IF;
      history := CASE WHEN history IS NOT NULL AND timeline = $own THEN 'same'
        ELSE coalesce(substring(history FROM '(?n)^\s*$own\s+([0-9A-F]{1,8}/[0-9A-F]{1,8})'), 'none') END;
    EXCEPTION
      WHEN undefined_file THEN history := 'none';
      WHEN OTHERS THEN history := 'unread';
    END;
    RAISE NOTICE 'told primary %:%', timeline, history;
    RETURN;
  END IF;
  upstream := replace(coalesce(substring(convert_from(pg_read_binary_file('$managed'), 'UTF8')
                                         FROM '(?n)^primary_conninfo = (.*)\$'), ''), '''', '');
  RAISE NOTICE 'told % %', coalesce(substring(upstream FROM 'application_name=(\S+)'), '-'),
    CASE WHEN position('host=$host port=$port ' IN upstream) > 0 THEN 'follows' ELSE 'strays' END;
  PERFORM pg_sleep($((ttl / 500 + 2)));
END \$\$
SQL
  done
  tries=0
  until [ $tries -ge $(($1 / 50)) ] || all_said; do
    sleep 0.05
    tries=$((tries + 1))
  done
  # shellcheck disable=SC2086 # a list, in the order of peers
  set -- $names
  for peer in $peers; do
    read_answer "$asked/${peer##*:}-${peer%:*}" && echo "$said ${peer%:*} ${1-}"
    [ $# -eq 0 ] || shift
  done
  rm -rf "$asked"
}

# Bounded: two words of the one line that says them. Nobody is there: no answer. Anything else: an unreadable one.
read_answer() { # FILE; sets said
  said=''
  while read -r -n 500 line; do
    case $line in
      *': '*told\ *)
        [ -z "$said" ] || said='? unreadable'
        line=${line##*told }
        if [[ $line =~ ^primary\ [0-9]{1,9}:(same|none|unread|[0-9A-F/]{3,17})$ ||
          $line =~ ^[A-Za-z0-9_.-]{1,64}\ (follows|strays)$ ]]; then
          said=${said:-$line}
        else
          said='? unreadable'
        fi
        ;;
    esac
  done < <(head -c 4000 "$1")
  [ -n "$said" ] || [ ! -s "$1" ] || grep -qE "$nobody_there" "$1" || said='? unreadable'
  [ -n "$said" ]
}
nobody_there='Connection refused|Connection reset|onnection timed out|timeout expired|No route to host'
nobody_there="$nobody_there|Network is unreachable|could not translate host name"

# An answer, or why there is none.
all_said() {
  for peer in $peers; do
    { read -r _ < "$asked/${peer##*:}-${peer%:*}"; } 2> /dev/null || return 1 # a whole line
  done
}

# To revive is the guard's own wish, and nobody looks on: any doubt is a no.
boot_check() { # LIMIT_MS [revive]
  [ ! -e "$data/standby.signal" ] || [ -n "${2-}" ] || return 0
  own=$("$bin/pg_controldata" "$data" | sed -n "s/^Latest checkpoint's TimeLineID: *//p")
  [ -n "$own" ] || { echo "pg_controldata cannot read $data" >&2; return 1; }
  read_order
  told=$(ask_peers "$1")
  follows='' witness='' claims='' unreadable='' newest=0 words=()
  while read -r who what address name; do
    case $who:$what in
      *:unreadable) unreadable=yes ;;
      *:strays) ;;
      *:follows) # a lease standby's word counts from its own address only
        [ "${name:-$who}" = "$who" ] || continue
        witness=$who
        case ,$vouchers, in *,"$who",*) follows=yes ;; esac
        ;;
      primary:*:none) words+=("${what%:*} $address") ;;
      primary:*)
        claims=yes what=${what%:*}
        [ "$what" -le "$newest" ] || { newest=$what said_by=$address; }
        ;;
    esac
  done <<< "$told"
  # A promotion leaves a history file. Without one it is only a word, and another node that still follows outweighs it.
  for word in "${words[@]}"; do
    if [ -n "$witness" ]; then
      [ "${word% *}" -lt "$own" ] ||
        echo "${word#* } says that it is primary on timeline ${word% *}, but has no history of a promotion from" \
          "timeline $own, and $witness still follows this node: its word is not believed" >&2
    else
      claims=yes
      [ "${word% *}" -le "$newest" ] || { newest=${word% *} said_by=${word#* }; }
    fi
  done
  if [ -n "${2-}" ]; then
    [ -n "$id" ] && [ -n "$follows" ] && [ -z "$claims" ] && [ -z "$unreadable" ] && [ ! -e "$data/standby.signal" ]
    return
  fi
  # Before anybody's "follows": a standby that does not know of a promotion yet still follows.
  if [ "$newest" -ge "$own" ]; then
    if [ "$newest" -gt "$own" ]; then
      echo "another node is primary on timeline $newest, this one is on $own (said by $said_by):" \
        "make this node a standby (pgwatchdog setup CLUSTER --overwrite NODE);" \
        "if that is false, stop PostgreSQL on $said_by, or take it out of peers in $state/guard.conf," \
        "and start this node" >&2
    else
      echo "another node is primary on timeline $newest as well (said by $said_by): stop PostgreSQL on the one" \
        "that is wrong, and make it a standby (pgwatchdog setup CLUSTER --overwrite NODE)" >&2
    fi
    return 1
  fi
  [ -z "$id" ] || [ -z "$follows" ] || return 0
  [ -n "$id" ] || return 0
  if [ -z "$told" ]; then
    echo "no other node answers, and this one was armed when it went down: another may have been promoted meanwhile;" \
      "if you know that none was: rm '$order'" >&2
  else
    echo "this node was armed when it went down, and none of $vouchers says that it still follows it" \
      "($(cut -d ' ' -f 1,2 <<< "$told" | paste -sd ,)): another may be about to be promoted;" \
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
    if [ "$status" -ne 2 ] || [ $((${uptime%.*} - ${began%.*})) -ge "$1" ]; then break; fi
    sleep 1
  done
  [ -z "$said" ] || echo "$said" >&2
  return "$status"
}

# --- How it is started and ended.

# Shared, so that two who look do not see each other.
alive() { [ -e "$lock" ] && ! flock -s -n "$lock" true; }

# Something starts it again when it ends: its unit, or a second keeper.
kept() {
  { read -r first second _ < "$lock" && in_unit="$(< "/proc/$first/cgroup")"; } 2> /dev/null || return 1
  [[ $in_unit = *"/${unit_of_guard##*/}"* ]] || { [ "${second:-0}" -gt 1 ] && group_is_ours "$second"; }
}

# A process of this guard is in it. A number whose group has ended may be somebody else's by now: PostgreSQL's.
group_is_ours() { # GROUP; adds to members all but this process
  local ours=1 found=()
  for place in /proc/[0-9]*; do
    { read -r -d '' stat < "$place/stat" || [ -n "$stat" ]; } 2> /dev/null || continue
    read -r _ _ group _ <<< "${stat##*) }"
    [ "$group" = "$1" ] || continue
    { mapfile -d '' -t words < "$place/cmdline"; } 2> /dev/null || continue
    [ "${words[0]-}" = /bin/bash ] && [ "${words[1]-}" -ef "$self" ] && ours=0
    [ "$place" = "/proc/$$" ] || found+=("${place#/proc/}")
  done
  [ $ours -ne 0 ] || members+=("${found[@]}")
  return $ours
}

# At once: whichever is left starts the others again.
end_groups() { # GROUP...
  members=()
  for each; do [ "${each:-0}" -le 1 ] || group_is_ours "$each"; done
  [ ${#members[@]} -eq 0 ] || kill -KILL "${members[@]}" 2> /dev/null
}

status() {
  alive || return 1
  kept || { echo "$unkept" >&2; return 2; }
}
unkept="the guard runs, but nothing starts it again when it ends: end it (guard stop), then run guard start"

# The keeper: starts the loop and its helpers, and again whichever ends. All of it is one process group, to be ended.
run() {
  read -r _ _ _ _ group _ < "/proc/$$/stat"
  [ "$group" = $$ ] || exec setsid /bin/bash "$self" run
  keep_all ''
}

keep_all() { # second: with another keeper, which takes over when this one is gone
  # A shell that cannot fork for 15 s ends: this one becomes a new one, which begins with what needs a fork.
  again=run
  [ -z "$1" ] || again='keep waiting'
  # shellcheck disable=SC2086 # two words
  trap 'exec /bin/bash "$self" $again' EXIT
  trap 'trap - EXIT; exit 143' HUP INT TERM
  exec 9>> "$lock"
  if [ "${2-}" = waiting ]; then
    flock 9
  else
    flock -w 2 9 || { trap - EXIT; echo "it runs already" >&2; exit 1; }
  fi
  cd /
  (:) # one that cannot fork ends here, and leaves the loop of the one before alone
  { read -r old _ old_boot; } < "$lock" 2> /dev/null
  [ "$old_boot" != "$boot" ] || end_groups "$old"
  mkdir -m 700 "$memory" 2> /dev/null
  if [ -d "$memory" ] && [ ! -L "$memory" ] && [ -O "$memory" ]; then proven=$memory/proven; fi
  # What one that was killed while it asked has left.
  find /dev/shm -maxdepth 1 -name 'pgwatchdog-boot.*' -user "$UID" -mmin +5 -exec rm -rf {} + 2> /dev/null
  exec 3<> <(:) 5<> <(:) 6<> <(:) 7<> <(:) 8<> <(:)
  declare -A child=()
  while :; do
    for part in watch_over read_files ask_server ask_others write_files; do
      [ -n "${child[$part]-}" ] && kill -0 "${child[$part]}" 2> /dev/null && continue
      $part 9>&- &
      child[$part]=$!
    done
    if [ "$1" = second ] && ! { [ -n "${child[second]-}" ] && kill -0 "${child[second]}" 2> /dev/null; }; then
      setsid /bin/bash "$self" keep waiting < /dev/null > /dev/null 2>&1 3>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
      child[second]=$!
    fi
    echo "$$ ${child[second]-0} $boot" > "$lock"
    wait -n
    nap 020 # one that ends at once is not to take all the time there is
  done
}

# Put there by root (`pgwatchdog config host`): PostgreSQL's account may start and stop it, no more.
unit_of_guard=/etc/systemd/system/pgwatchdog-guard-$port.service

has_unit() { [ -d /run/systemd/system ] && [ -e "$unit_of_guard" ]; }

start() {
  if alive; then
    :
  elif has_unit; then
    sudo -n systemctl restart "${unit_of_guard##*/}" || return 1
  else
    setsid /bin/bash "$self" keep > /dev/null 2>&1 < /dev/null 9>&- &
  fi
  tries=0
  until alive && kept; do
    [ $tries -lt 50 ] || { if alive; then echo "$unkept" >&2; else echo "the guard does not start" >&2; fi; return 1; }
    sleep 0.1
    tries=$((tries + 1))
  done
}

# Both process groups at once, the waiting keeper first: the loop, its helpers and what they run.
stop() {
  ! has_unit || sudo -n systemctl stop "${unit_of_guard##*/}" || return 1
  tries=0
  while alive; do
    [ $tries -lt 50 ] || { echo "the guard does not end" >&2; return 1; }
    read -r first second _ < "$lock"
    end_groups "$second" "$first"
    sleep 0.1
    tries=$((tries + 1))
  done
}

case ${1-} in
  run | start | stop | status) "$1" ;;
  keep) keep_all second "${2-}" ;;
  boot-check) wait_for_leave "${2:-0}" ;;
  *) sed -n '/^#   guard/s/^# *//p' "$0" >&2; exit 64 ;;
esac
