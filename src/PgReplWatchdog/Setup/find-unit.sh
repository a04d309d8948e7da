# Sets unit to systemd's unit of the server in $data, empty where none is found, and debian to its configuration directory below /etc/postgresql, if it has one there.
find_unit() {
  unit='' debian=''
  for file in /etc/postgresql/*/*/postgresql.conf; do
    [ "$(sed -n "s/^data_directory *= *'\(.*\)'.*/\1/p" "$file" 2> /dev/null)" = "$data" ] || continue
    debian=${file%/*}
    unit=postgresql@$(echo "$debian" | sed 's|/etc/postgresql/||; s|/|-|').service
  done
  # Red Hat's postgresql-15.service has the data directory in its environment.
  [ -n "$unit" ] || [ ! -d /run/systemd/system ] || unit=$(systemctl list-unit-files --no-legend 'postgresql*.service' 2> /dev/null | while read -r name _; do
    systemctl show -p Environment "$name" 2> /dev/null | grep -q "PGDATA=$data/*\( \|$\)" && echo "$name"; done | head -n 1)
}
