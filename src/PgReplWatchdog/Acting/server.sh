# What every script on a host may use. Before it: node.sh, and data, bin, state and log of the server. Runs as PostgreSQL's account.
[ -n "$config" ] || config=$data

# The major version, 9 for all before 10, and the directory of WAL.
read_major() {
  major=''
  [ -r "$data/PG_VERSION" ] && read -r major < "$data/PG_VERSION"
  major=${major%%.*} wal=pg_wal
  [ "${major:-10}" -ge 10 ] || wal=pg_xlog
}

# Before 9.6 there is one backup at a time, and it goes on until somebody ends it.
begin_exclusive_backup() {
  end_exclusive_backup || return 1
  [ "$(ask 'SELECT pg_is_in_backup()')" = f ] || { echo "a backup that is not set-up's is under way: wait for its end, or end it (SELECT pg_stop_backup())" >&2; return 1; }
  ask "SELECT pg_start_backup('pgwatchdog', true)" > /dev/null
}
# One of ours, whether or not anybody still waits for it. pg_stop_backup() has ended it before it waits for an archive, which may take for ever.
end_exclusive_backup() {
  case $(cat "$data/PG_VERSION") in 9.[3-5]) ;; *) return 0 ;; esac
  grep -qsx 'LABEL: pgwatchdog' "$data/backup_label" || return 0
  PGOPTIONS='-c statement_timeout=30s' ask 'SELECT pg_stop_backup()' > /dev/null
  [ ! -e "$data/backup_label" ]
}
ask() { # SQL, as the account's own role over the server's own socket
  "$bin/psql" -X -w -q -A -t -v ON_ERROR_STOP=1 -d postgres -p "$(sed -n 4p "$data/postmaster.pid")" -h "$(sed -n 5p "$data/postmaster.pid")" -c "$1"
}

# A walreceiver before 10 looks for its password in this file of the account alone. Our lines come first, or go.
find_home_passfile() { home_passfile=$(readlink -m "$(getent passwd "$(id -un)" | cut -d : -f 6)/.pgpass"); }
write_home_passfile() { # with | without
  find_home_passfile
  [ -e "$state/passfile" ] && { [ "$1" = with ] || grep -qsxFf "$state/passfile" "$home_passfile"; } || return 0
  (
    umask 077
    {
      [ "$1" = without ] || cat "$state/passfile" || exit 1
      [ ! -e "$home_passfile" ] || grep -vxFf "$state/passfile" "$home_passfile" || [ $? -eq 1 ] || exit 1
    } > "$home_passfile.pgwatchdog-new" && mv -f "$home_passfile.pgwatchdog-new" "$home_passfile"
  ) || { echo "$home_passfile could not be written: a walreceiver of this version looks for its password there" >&2; return 1; }
}

# Until 11 a standby is one by its recovery.conf; from 12 by standby.signal, and any recovery.conf keeps it from starting.
is_standby() { [ -e "$data/standby.signal" ] || { [ -e "$data/recovery.conf" ] && grep -qs '^standby_mode' "$data/recovery.conf"; }; }
is_blocked() { [ -e "$data/recovery.conf" ] && ! grep -qsE '^[[:space:]]*(standby_mode|restore_command)' "$data/recovery.conf"; }
# Its first words, as guard.sh writes them.
is_guards_block() { grep -qs '^# Put here by the guard of PgReplWatchdog' "$data/recovery.conf"; }

# Sets file to the one with the lines that say whom a standby follows.
find_upstream_file() {
  read_major
  if [ "${major:-15}" -ge 12 ]; then file=$data/pgwatchdog.conf; else file=$data/recovery.conf; fi
}

# The running postmaster's number, if it is this server's.
read_postmaster() {
  postmaster=''
  [ -r "$data/postmaster.pid" ] && read -r postmaster < "$data/postmaster.pid"
  [ -n "$postmaster" ] && [ "/proc/$postmaster/cwd" -ef "$data" ] || postmaster=''
}

has_unit() { [ -n "$unit" ] && [ -d /run/systemd/system ]; }

manage() { # VERB
  sudo -n systemctl "$1" "$unit" < /dev/null
}

# What the server said, for whoever asks why: its own log where it has one, else what its service manager keeps.
last_words() { # LINES
  current=$(sed -n 's/^stderr //p' "$data/current_logfiles" 2> /dev/null)
  case $current in '') current=$log ;; /*) ;; *) current=$data/$current ;; esac
  [ -s "$current" ] || current=$(ls -t "$log" "$data"/log/*.log "$data"/pg_log/*.log 2> /dev/null | head -n 1)
  [ -z "$current" ] || tail -c 65536 "$current" | tail -n "$1" | cut -c 1-1000
}

# The service manager's start may come back before PostgreSQL accepts connections, and with success where it has not even started.
until_ready() { # SECONDS
  waited=0
  until read_postmaster && [ -n "$postmaster" ] && "$bin/pg_isready" -q -t 1 -p "$(sed -n 4p "$data/postmaster.pid")" -h "$(sed -n 5p "$data/postmaster.pid")"; do
    [ $waited -lt $(($1 * 10)) ] && { [ $waited -lt 30 ] || [ -n "$postmaster" ]; } || { echo "PostgreSQL was started, and does not accept connections"; last_words 20; return 1; }
    waited=$((waited + 1))
    sleep 0.1
  done
}

# Started or stopped right now, by whoever, such as a run of ours that was killed: what is true of it then is true for a moment only. Waits so long, and no longer.
until_settled() { # SECONDS
  deadline=$(($(date +%s) + $1))
  while is_moving && [ "$(date +%s)" -lt $deadline ]; do sleep 0.1; done
}
is_moving() {
  if has_unit; then
    case $(systemctl is-active "$unit" 2> /dev/null) in activating | deactivating | reloading) return 0 ;; esac
  fi
  for process in /proc/[0-9]*; do
    { read -r name < "$process/comm"; } 2>/dev/null && [ "$name" = pg_ctl ] && tr '\0' '\n' < "$process/cmdline" 2>/dev/null | grep -qxF -e "$config" -e "$data" && return 0
  done
  read_postmaster
  [ -n "$postmaster" ] || return 1
  "$bin/pg_isready" -q -t 1 -p "$(sed -n 4p "$data/postmaster.pid")" -h "$(sed -n 5p "$data/postmaster.pid")"
  [ $? -eq 1 ] # it answers, and rejects
}

# Before 10 pg_ctl is content with a server that answers "starting up".
until_old_ready() { # SECONDS
  read_major
  [ "${major:-10}" -ge 10 ] || until_ready "$1"
}

# Starts it and waits until it accepts connections. In a session of its own: a connection that breaks cannot stop it half-way.
start_server() { # SECONDS
  if has_unit; then
    manage start 2>&1 && until_ready "$1"
  else
    touch "$log" || return 1
    setsid --wait "$bin/pg_ctl" start -D "$config" -l "$log" -w -t "$1" > /dev/null 2>&1 < /dev/null || { last_words 20; return 1; }
    until_old_ready "$1"
  fi
}

# Fast. One that somebody started beside its service manager is stopped as well.
stop_server() { # SECONDS
  ! has_unit || manage stop 2>&1 || return 1
  read_postmaster
  [ -z "$postmaster" ] || "$bin/pg_ctl" stop -D "$data" -m fast -w -t "$1" 2>&1
}

# Stop and start as one: between them is no good place to leave a server.
restart_server() { # SECONDS
  if has_unit; then
    systemctl -q is-active "$unit" || stop_server "$1" || return 1 # somebody started it beside its service manager
    manage restart 2>&1 && until_ready "$1"
  else
    touch "$log" || return 1
    setsid --wait "$bin/pg_ctl" restart -D "$config" -m fast -l "$log" -w -t "$1" > /dev/null 2>&1 < /dev/null || { last_words 20; return 1; }
    until_old_ready "$1"
  fi
}
