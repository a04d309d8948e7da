# Sets unit to systemd's unit of the server in $data, empty where none is found, and debian to its configuration directory below /etc/postgresql, if it has one there.
# PostgreSQL's account may write to these places, and root manages what is found: a name that no unit has is left out.
is_unit() { # NAME
  case $1 in *[!A-Za-z0-9@._:\\-]*) return 1 ;; ?*.service) ;; *) return 1 ;; esac
}
find_unit() {
  unit='' debian=''
  for file in /etc/postgresql/*/*/postgresql.conf; do
    [ "$(sed -n "s/^data_directory *= *'\(.*\)'.*/\1/p" "$file" 2> /dev/null)" = "$data" ] || continue
    found=postgresql@$(echo "${file%/*}" | sed 's|/etc/postgresql/||; s|/|-|').service
    is_unit "$found" || { echo "${file%/*} is no name of a cluster, and was left out" | tr -d '[:cntrl:]' >&2; echo >&2; continue; }
    debian=${file%/*}
    unit=$found
  done
  # Red Hat's postgresql-15.service has the data directory in its environment.
  [ -n "$unit" ] || [ ! -d /run/systemd/system ] || unit=$(systemctl list-unit-files --no-legend 'postgresql*.service' 2> /dev/null | while read -r name _; do
    systemctl show -p Environment "$name" 2> /dev/null | grep -q "PGDATA=$data/*\( \|$\)" && echo "$name"; done | head -n 1)
  [ -z "$unit" ] || is_unit "$unit" || unit=''
}
# What a running server's control group says comes before what files say: no account but root can change it.
find_running_unit() {
  { read -r running < "$data/postmaster.pid"; } 2> /dev/null || return 0
  case $running in '' | *[!0-9]*) return 0 ;; esac
  [ "/proc/$running/cwd" -ef "$data" ] || return 0
  found=$(sed -n 's|^0::.*/\([^/]*postgres[^/]*\.service\)$|\1|p' "/proc/$running/cgroup" 2> /dev/null)
  [ -z "$found" ] || ! is_unit "$found" || unit=$found
}
