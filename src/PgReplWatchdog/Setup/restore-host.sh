#!/bin/sh
# To be run as root on the host of {2}, after `pgwatchdog setup --remove`: takes away what `pgwatchdog config host` has put there. The login account stays.
set -eu
login={0} port={3} verbs={4}
[ "$(id -u)" -eq 0 ] || { echo "this has to be run as root" >&2; exit 1; }
if [ -d /run/systemd/system ]; then
  systemctl disable -q --now "pgwatchdog-guard-$port.service" || true
  [ ! -e "/etc/systemd/system/pgwatchdog-start-$port.path" ] || systemctl disable -q --now "pgwatchdog-start-$port.path" || true
fi
# The condition at boot of the unit whose sudoers file this was.
unit=$(sed -n 's/.* start \([^ ]*\.service\)$/\1/p' "/etc/sudoers.d/pgwatchdog-$port" 2> /dev/null || true)
case $unit in *[!A-Za-z0-9@._:\\-]*) echo "no unit is named in /etc/sudoers.d/pgwatchdog-$port: its condition at boot is left" >&2; unit='' ;; esac
if [ -n "$unit" ]; then
  rm -f "/etc/systemd/system/$unit.d/pgwatchdog.conf"
  rmdir "/etc/systemd/system/$unit.d" 2> /dev/null || true
fi
rm -f "/etc/systemd/system/pgwatchdog-guard-$port.service" "/etc/systemd/system/pgwatchdog-start-$port.path" "/etc/sudoers.d/pgwatchdog-$port"
rm -rf "${verbs:?}/$port"
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
# The key may be another node's as well.
if [ -z "$(ls /etc/sudoers.d/pgwatchdog-* 2> /dev/null)" ]; then
  runuser -u "$login" -- /bin/sh -c '
    cd "$(getent passwd "$(id -un)" | cut -d : -f 6)" && [ -e .ssh/authorized_keys ] || exit 0
    umask 077
    for key; do
      grep -vF -e "$key" .ssh/authorized_keys > .ssh/authorized_keys.new
      [ $? -le 1 ] && mv -f .ssh/authorized_keys.new .ssh/authorized_keys || { rm -f .ssh/authorized_keys.new; exit 1; }
    done' sh {1}
  rm -rf "$verbs"
fi
echo "restored; the account $login is still there"
