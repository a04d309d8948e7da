# Makes a stopped node a standby of the new primary: by pg_rewind, or by a fresh copy where that does not work. Started detached by the watchdog, which looks at
# STATE/job, job.status and job.log. Arguments: host and port of the primary, replication role, database, the lines that say whom it follows, the managed file's
# name, "rewind" or "copy", a stamp for what is moved aside, the epoch, more lines for a recovery.conf, sslmode, and lines FROM=TO of tablespaces that are elsewhere here.
# The functions of server.sh, living and end_copy (Shell) come before it. Exit status 2: the primary cannot be reached for a rewind, and nothing was touched.
set -u
export LC_ALL=C
host=$1 port=$2 role=$3 database=$4 lines=$5 managed=$6 way=$7 stamp=$8 epoch=$9
shift 9
recovery=$1 name=$wanted
export PGSSLMODE="$2"
moves=$3
set --
while IFS= read -r move; do
  [ -z "$move" ] || set -- "$@" -T "$move"
done << END
$moves
END
read_major
export PGPASSFILE="$state/passfile" PGCONNECT_TIMEOUT=5
source="host='$host' port=$port user='$role' application_name='$name'"
own="postgresql.conf pg_hba.conf pg_ident.conf postgresql.auto.conf $managed"

block() { [ ! -d "$data" ] || [ -e "$data/recovery.conf" ] || echo '# pgwatchdog makes this server a standby: it must not start before that is done.' > "$data/recovery.conf"; }
# pg_rewind soon removes the start block, with all that its source does not have, and what it leaves when it does not come to its end is half of one server and half of another.
# On a directory whose mode gives others anything PostgreSQL does not start, and to write without search gives them nothing. The mark goes where the data goes.
seal() { chmod o+w "$data"; }
unseal() { chmod o-w "$data"; }
is_sealed() { [ -n "$(find "$data/." -maxdepth 0 -perm -o=w 2> /dev/null)" ]; }
say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"; }
fail() { say "$*"; exit 1; }
# The node's own configuration: pg_rewind and a copy bring the primary's, with its port and addresses.
keep() {
  # What a return of another epoch kept and did not come to use: a person may have mended the node since, or not.
  [ ! -e "$state/own" ] || mv "$state/own" "$state/own.before-$epoch-$stamp" || return 1
  mkdir -m 0700 "$state/own" || return 1
  for file in $own; do
    if [ -e "$data/$file" ]; then cp -p "$data/$file" "$state/own/$file" || return 1; fi
  done
}

# Into a data directory: its own configuration with the new upstream, a standby's signal, no slots of a former life. The start block goes last: it never can start as a primary.
make_standby() {
  for file in $own; do
    if [ -e "$state/own/$file" ]; then cp -p "$state/own/$file" "$1/$file" || return 1; fi
  done
  rm -rf "$1/recovery.done" "$1/pg_replslot/pgwatchdog_"*
  own_version=''
  [ -r "$1/PG_VERSION" ] && read -r own_version < "$1/PG_VERSION"
  [ -n "$own_version" ] || return 1
  if [ "${own_version%%.*}" -lt 12 ]; then
    printf "standby_mode = 'on'\n%s%strigger_file = '%s'\n" "$lines" "$recovery" "$(echo "$state/promote" | sed "s/'/''/g")" > "$1/recovery.conf.new" && mv -f "$1/recovery.conf.new" "$1/recovery.conf"
  else
    sed -i -E '/^(primary_conninfo|primary_slot_name|recovery_target_timeline) = /d' "$1/$managed" && printf '%s' "$lines" >> "$1/$managed" \
      && touch "$1/standby.signal" && rm -rf "$1/recovery.conf"
  fi
}

rewind() {
  ! is_sealed || { say "an earlier pg_rewind did not come to its end: what it has left cannot be rewound"; return 1; }
  say "rewinding to $host:$port"
  # pg_rewind wants a server that was shut down in order, and would recover a crashed one by itself; but that works only without the start block. So it is recovered
  # here, and the block is back for the long part: whoever boots this host meanwhile does not get a primary.
  rm -f "$data/standby.signal"
  case $("$bin/pg_controldata" "$data" | sed -n 's/^Database cluster state: *//p') in
    'shut down' | 'shut down in recovery') ;;
    *)
      # Until 11 there is no guard that would keep a host that boots just now from serving.
      [ "${major:-0}" -ge 12 ] || { say "it has crashed, and is not recovered without its start block"; return 1; }
      rm -f "$data/recovery.conf"
      "$bin/postgres" --single -F -D "$config" -c archive_mode=off template1 < /dev/null > "$state/recovery.log" 2>&1
      recovered=$?
      block
      [ $recovered -eq 0 ] || { tail -n 2 "$state/recovery.log"; return 1; }
      ;;
  esac
  block
  set -- -D "$data" --source-server="$source dbname='$database'"
  [ "${major:-0}" -lt 13 ] || set -- "$@" --no-ensure-shutdown # before 13 it never sees to that
  # What keeps it from working is found while nothing is touched.
  tried=$("$bin/pg_rewind" -n "$@" 2>&1) || { echo "$tried"; return 1; }
  keep_wal
  seal || return 1
  nobody || { unseal; exit 1; }
  "$bin/pg_rewind" "$@" 2>&1
  rewound=$?
  block
  [ $rewound -eq 0 ] && put_wal_back "$tried" && make_standby "$data" && unseal
}

# pg_rewind removes WAL that its source does not have (some releases do not), and with it what lies between the last common checkpoint, from which this server starts, and the fork:
# the source may have removed that, and then nobody has it. Nothing of it is kept where the state directory is on another filesystem.
keep_wal() {
  rm -rf "$state/before-fork" && mkdir "$state/before-fork" || return
  for segment in "$data/$wal"/????????????????????????; do ln "$segment" "$state/before-fork/" 2> /dev/null || return; done
}
put_wal_back() { # what pg_rewind has said: servers diverged at WAL location 0/3021788 on timeline 1
  # shellcheck disable=SC2046 # three words
  set -- $(echo "$1" | sed -n 's|.* diverged at WAL [a-z]* \([0-9A-F]*\)/\([0-9A-F]*\) on timeline \([0-9]*\).*|\1 \2 \3|p')
  size=$("$bin/pg_controldata" "$data" | sed -n 's/^Bytes per WAL segment: *//p')
  if [ $# -eq 3 ] && [ -n "$size" ]; then
    line=$(printf %08X "$3")
    fork=$line$(printf %08X%08X "$((0x$1))" "$((0x$2 / size))")
    for segment in "$state/before-fork/$line"*; do
      name=${segment##*/}
      [ -e "$segment" ] && [ ! -e "$data/$wal/$name" ] || continue
      # What lies behind the fork is not this cluster's any more.
      [ "$(printf '%s\n' "$name" "$fork" | sort | head -n 1)" = "$name" ] && [ "$name" != "$fork" ] || continue
      mv "$segment" "$data/$wal/$name" || return 1
    done
  fi
  rm -rf "$state/before-fork"
}

# It may have been started since it was stopped, by somebody who came before the start block.
nobody() { [ -z "$(living)" ] || { say "somebody has started PostgreSQL on $data"; return 1; }; }

has_tablespace() { # TARGET
  for link in "$data"/pg_tblspc/*; do
    [ "$(readlink "$link")" != "$1" ] || return 0
  done
  return 1
}

# pg_basebackup wants the tablespaces' directories empty: what the old data has there is moved aside, and its links with it. What an attempt that was cut short has left goes.
clear_tablespaces() {
  if [ -e "$state/copy.tablespaces" ]; then
    while IFS= read -r target; do
      has_tablespace "$target" || [ ! -d "$target" ] || find "$target" -mindepth 1 -delete || return 1
    done < "$state/copy.tablespaces"
  fi
  for link in "$data"/pg_tblspc/*; do
    target=$(readlink "$link") || continue
    case $target in *.before-pgwatchdog-*) continue ;; esac
    [ -n "$(ls -A "$target" 2> /dev/null)" ] || continue
    echo "$target" >> "$state/copy.tablespaces" || return 1
    mv "$target" "$target.before-pgwatchdog-rejoin-$epoch-$stamp" && ln -sfn "$target.before-pgwatchdog-rejoin-$epoch-$stamp" "$link" || return 1
  done
}

copy() { # pg_basebackup's options
  if [ -L "$data" ] || mountpoint -q "$data" 2>/dev/null; then
    say "$data is a symbolic link or a mount point and cannot be moved aside"
    return 1
  fi
  say "copying $host:$port"
  { end_copy "$state/copy" && rm -rf "$state/copy"; } || return 1
  clear_tablespaces || { say "the tablespaces of the old data cannot be moved aside"; return 1; }
  PGWATCHDOG_COPY="$state/copy" "$bin/pg_basebackup" -w -D "$state/copy" -d "$source" -X stream -c fast "$@" 2>&1 || return 1
  make_standby "$state/copy" || return 1
  nobody || return 1
  [ ! -e "$data" ] || mv "$data" "$data.before-pgwatchdog-rejoin-$epoch-$stamp" || return 1 # gone where an attempt was cut short between the two
  mv "$state/copy" "$data" && rm -f "$state/copy.tablespaces"
}

rm -f "$state/guard.armed"
# Without its source nothing is touched: the next attempt begins where this one did.
"$bin/pg_isready" -q -t 5 -h "$host" -p "$port" || { say "$host:$port cannot be reached from here"; [ "$way" = copy ] || exit 2; exit 1; }
say "stopping what runs"
stop_server 30 > /dev/null 2>&1 # also where nothing runs: its service manager may be about to start it once more
[ -z "$(living)" ] || fail "PostgreSQL does not stop"
block
# An attempt that was cut short has kept them already, and may have left the primary's in their place; half-rewound data has those for sure, of whichever epoch it is, and data that is not
# there has none.
[ "$(cat "$state/own/kept" 2>/dev/null)" = "$epoch" ] || { { is_sealed || [ ! -d "$data" ]; } && [ -e "$state/own/kept" ]; } || { keep && echo "$epoch" > "$state/own/kept"; } || fail "the node's own configuration could not be kept in $state"
if [ "$way" = rewind ]; then rewind || { say "pg_rewind did not work: a fresh copy is made"; copy "$@"; }; else copy "$@"; fi || fail "neither pg_rewind nor a fresh copy worked"
rm -f "$state/promote" || fail "$state/promote cannot be removed: it would promote this server at once"
# As long as it gets on: the startup process says which segment it is at. One that waits for WAL which nobody has any more would wait for ever.
segment() {
  for pid in $(living); do
    tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | sed -n 's/.*startup .* \([0-9A-F]\{24\}\) *$/\1/p'
  done
}
# Before the first it brings the whole directory to disk, which takes minutes where there are many files.
silent=0
said=$(start_server 30) || while :; do
  before=$(segment)
  said=$(until_ready 30) && break
  [ "$before" = "$(segment)" ] || continue
  silent=$((silent + 1))
  [ -n "$before" ] || [ -z "$(living)" ] || [ $silent -gt 20 ] || continue
  stop_server 30 > /dev/null 2>&1
  fail "PostgreSQL does not start: $(echo "$said" | tail -n 3 | tr '\n' ' ')"
done
rm -rf "$state/own"
# What earlier returns moved aside; what this one did stays for a person to look at.
for aside in "$data".before-pgwatchdog-rejoin-*; do
  case $aside in *-"$epoch"-*) continue ;; esac
  for link in "$aside"/pg_tblspc/*; do
    target=$(readlink "$link") || continue
    case $target in *.before-pgwatchdog-rejoin-*) rm -rf "$target" ;; esac
  done
  rm -rf "$aside"
done
say "started as a standby of $host:$port"
