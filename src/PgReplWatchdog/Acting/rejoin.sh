# Makes a stopped node a standby of the new primary: by pg_rewind, or by a fresh copy where that does not work. Started detached by the watchdog, which looks at
# STATE/job, job.status and job.log. Arguments: state directory, data directory, bin directory, host and port of the primary, replication role, database, node name,
# the lines for the managed file, the managed file's name, "rewind" or "copy", a stamp for what is moved aside, the server's log file.
set -u
export LC_ALL=C
state=$1 data=$2 bin=$3 host=$4 port=$5 role=$6 database=$7 name=$8 lines=$9
shift 9
managed=$1 way=$2 stamp=$3 log=$4
export PGPASSFILE="$state/passfile" PGCONNECT_TIMEOUT=5
source="host='$host' port=$port user='$role' application_name='$name'"
own="postgresql.conf pg_hba.conf pg_ident.conf postgresql.auto.conf $managed"

say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"; }
fail() { say "$*"; exit 1; }
living() {
  for process in /proc/[0-9]*; do
    if [ "$process/cwd" -ef "$data" ]; then case $(readlink "$process/exe") in */postgres*) echo "${process#/proc/}" ;; esac; fi
  done
}

# The node's own configuration: pg_rewind and a copy bring the primary's, with its port and addresses.
keep() {
  rm -rf "$state/own" && mkdir -m 0700 "$state/own" || return 1
  for file in $own; do
    if [ -e "$data/$file" ]; then cp -p "$data/$file" "$state/own/$file" || return 1; fi
  done
}

# Into a data directory: its own configuration with the new upstream, a standby's signal, no slots of a former life, no start block.
make_standby() {
  for file in $own; do
    if [ -e "$state/own/$file" ]; then cp -p "$state/own/$file" "$1/$file" || return 1; fi
  done
  sed -i -E '/^(primary_conninfo|primary_slot_name|recovery_target_timeline) = /d' "$1/$managed" && printf '%s' "$lines" >> "$1/$managed" \
    && touch "$1/standby.signal" && rm -rf "$1/recovery.conf" "$1/pg_replslot/pgwatchdog_"*
}

rewind() {
  say "rewinding to $host:$port"
  # It recovers a crashed server by itself, and cannot while the start block is there.
  rm -f "$data/recovery.conf" "$data/standby.signal"
  "$bin/pg_rewind" -D "$data" --source-server="$source dbname='$database'" 2>&1 || return 1
  make_standby "$data"
}

copy() {
  say "copying $host:$port"
  rm -rf "$state/copy" || return 1
  "$bin/pg_basebackup" -w -D "$state/copy" -d "$source" -X stream -c fast 2>&1 || return 1
  make_standby "$state/copy" || return 1
  rm -rf "$data".before-pgwatchdog-rejoin-*
  mv "$data" "$data.before-pgwatchdog-rejoin-$stamp" && mv "$state/copy" "$data"
}

say "stopping what runs"
[ -n "$(living)" ] && "$bin/pg_ctl" stop -D "$data" -m fast -w -t 30 >/dev/null 2>&1
[ -z "$(living)" ] || fail "PostgreSQL does not stop"
# An attempt that was cut short has kept them already, and may have left the primary's in their place.
[ -e "$state/own/kept" ] || { keep && touch "$state/own/kept"; } || fail "the node's own configuration could not be kept in $state"
if [ "$way" = rewind ]; then rewind || { say "pg_rewind did not work: a fresh copy is made"; copy; }; else copy; fi || fail "neither pg_rewind nor a fresh copy worked"
touch "$log"
setsid "$bin/pg_ctl" start -D "$data" -l "$log" -w -t 60 >/dev/null 2>&1 </dev/null || fail "PostgreSQL does not start: $(tail -n 3 "$log" | tr '\n' ' ')"
rm -rf "$state/own"
say "started as a standby of $host:$port"
