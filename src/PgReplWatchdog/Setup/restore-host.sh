#!/bin/sh
# To be run as root on the host of {2}, after `pgwatchdog setup --remove`: takes away what `pgwatchdog config host` has put there. The login account stays.
set -eu
login={0} key={1} port={3}
[ "$(id -u)" -eq 0 ] || { echo "this has to be run as root" >&2; exit 1; }
if [ -d /run/systemd/system ]; then
  systemctl disable -q --now "pgwatchdog-guard-$port.service" || true
fi
rm -f "/etc/systemd/system/pgwatchdog-guard-$port.service" /etc/systemd/system/postgres*.service.d/pgwatchdog.conf /etc/sudoers.d/pgwatchdog
rmdir /etc/systemd/system/postgres*.service.d 2> /dev/null || true
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
keys=$(getent passwd "$login" | cut -d : -f 6)/.ssh/authorized_keys
if [ -e "$keys" ]; then
  grep -vxF "$key" "$keys" > "$keys.new" || true
  cat "$keys.new" > "$keys"
  rm -f "$keys.new"
fi
echo "restored; the account $login is still there"
