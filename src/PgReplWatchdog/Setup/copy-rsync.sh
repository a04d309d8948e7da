# Pulls the primary's data directory and its tablespaces by rsync, on the standby's host as PostgreSQL's account. What an interrupted run has left is gone on with: every file is
# compared by its content (-c), since a page that was written in the second in which its file was copied does not show in times. Before it: state, copy, and the tablespaces' lines
# "OID TARGET". The key, made by copy-key.sh, opens the primary's host for nothing but this.
cd "$state" || exit 1
umask 077
child='' watcher=''
finish() {
  status=$?
  trap - EXIT
  for process in $child $watcher; do kill "$process" 2> /dev/null; done
  rm -f copy.key copy.key.pub copy.ssh copy.known_hosts
  exit $status
}
trap finish EXIT
trap 'exit 143' TERM HUP INT
# The backup ends with the watchdog's session: what would be copied after that belongs to none.
exec 3<&0
{ cat <&3; kill -TERM $$; } > /dev/null 2>&1 &
watcher=$!

pull() { # FROM TO, more options
  # shellcheck disable=SC2086 # one option or none
  rsync -rlpt $compare --inplace --numeric-ids --delete --stats --exclude='pgsql_tmp*' --exclude='pg_internal.init*' -e 'ssh -F copy.ssh' "$@" >> copy.log 2> copy.err 3<&- &
  child=$!
  wait "$child"
  status=$?
  child=''
  case $status in
    0 | 24) return ;; # 24: files vanished while it ran, as they do in a server that works; its WAL says so, too
  esac
  tail -n 5 copy.err >&2
  if grep -q 'denied (' copy.err; then
    echo "the primary's sshd does not let this account in by a key in its ~/.ssh/authorized_keys (AuthorizedKeysFile, AllowUsers, the address it comes from, the login shell):" \
      "allow it, or set CopyMethod to BaseBackup" >&2
  else
    echo "rsync ended with $status; what it has copied stays, and the next run goes on from it" >&2
  fi
  exit 1
}

mkdir -p "$copy" || exit 1
compare=''
[ -z "$(ls -A "$copy")" ] || compare=-c
: > copy.log
# What a running server alone has use for (manual, "Making a Base Backup Using the Low-Level API"), what says which role it has, and what this copy gets of its own.
rm -rf "$copy/pg_wal" "$copy/pg_xlog" "$copy/backup_label" "$copy/tablespace_map" "$copy/standby.signal" "$copy/recovery.conf" || exit 1
pull primary:./ "$copy/" --exclude=/pg_wal --exclude=/pg_xlog --exclude='/pg_tblspc/*' --exclude='/pg_replslot/*' --exclude='/pg_dynshmem/*' --exclude='/pg_notify/*' --exclude='/pg_serial/*' \
  --exclude='/pg_snapshots/*' --exclude='/pg_stat_tmp/*' --exclude='/pg_subtrans/*' --exclude=/postmaster.pid --exclude=/postmaster.opts --exclude=/current_logfiles \
  --exclude='/backup_label*' --exclude='/tablespace_map*' --exclude=/backup_manifest --exclude=/standby.signal --exclude=/recovery.signal --exclude=/recovery.conf \
  --exclude=/recovery.done --exclude='/postgresql.auto.conf.tmp'
case $(cat "$copy/PG_VERSION") in 9.*) wal=pg_xlog ;; *) wal=pg_wal ;; esac
mkdir -p "$copy/$wal/archive_status" || exit 1
rm -f "$copy/pg_tblspc/"* || exit 1
printf '%s' "$tablespaces" > copy.list
while read -r oid target <&4; do
  grep -qxF "$target" copy.tablespaces || { echo "$target was not prepared for the copy: run setup again" >&2; exit 1; }
  pull "primary:pg_tblspc/$oid/" "$target/"
  ln -s "$target" "$copy/pg_tblspc/$oid" || exit 1
done 4< copy.list
rm -f copy.list copy.err
sync # as pg_basebackup does: a standby that has said what it has must not lose it
