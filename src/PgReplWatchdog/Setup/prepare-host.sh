#!/bin/sh
# To be run as root on the host of {6}, once, and again after the configuration has changed: what the watchdog needs there and has no right to do by itself.
# Printed by `pgwatchdog config host`. It makes the login account with the watchdog's public key, the sudoers file, and, with systemd, the guard's unit and
# the condition under which PostgreSQL starts at boot. `pgwatchdog config host --remove` prints what takes it away again (the account stays).
set -eu
# The data directory goes into lines of systemd and of sudo.
case {2} in *[[:cntrl:]]*) echo "a data directory with control characters cannot be prepared" >&2; exit 1 ;; esac
login={0} account={1} data={2} unit={4} port={5}
guard=$data.pgwatchdog/guard sudoers=/etc/sudoers.d/pgwatchdog-$port guard_unit=pgwatchdog-guard-$port.service
start_unit=pgwatchdog-start-$port.path
systemd_text() { printf '%s' "$1" | sed 's/%/%%/g; s/\\/\\\\/g; s/"/\\"/g; s/\$/$$/g'; }
path_text() { printf '%s' "$1" | sed 's/%/%%/g; s/\\/\\\\/g; s/"/\\"/g'; }
[ "$(id -u)" -eq 0 ] || { echo "this has to be run as root" >&2; exit 1; }
id "$account" > /dev/null || { echo "there is no account $account: install PostgreSQL first, or correct ServerAccount" >&2; exit 1; }

if ! id "$login" > /dev/null 2>&1; then
  useradd --system --create-home --shell /bin/sh "$login"
fi
# As that account: what its directory holds must not lead root anywhere.
runuser -u "$login" -- /bin/sh -c '
  umask 077
  cd "$(getent passwd "$(id -un)" | cut -d : -f 6)" && mkdir -p .ssh && touch .ssh/authorized_keys || exit 1
  while [ $# -gt 0 ]; do
    grep -vF -e "$1" .ssh/authorized_keys > .ssh/authorized_keys.new
    [ $? -le 1 ] && printf "%s\n" "$2" >> .ssh/authorized_keys.new && mv -f .ssh/authorized_keys.new .ssh/authorized_keys || { rm -f .ssh/authorized_keys.new; exit 1; }
    shift 2
  done' sh {3}

# What the watchdog's own key may do, where set-up has one of its own. It belongs to root: no account that it concerns can change it.
verbs={7}
write_verbs() {
  : # the verbs' files
}
rm -rf "$verbs.new" && umask 022 && mkdir -p "$verbs.new/$port" && write_verbs
if [ -e "$verbs.new/run" ]; then
  chmod 0755 "$verbs.new/run"
  mkdir -p "$verbs" && mv -f "$verbs.new/run" "$verbs/run"
  rm -rf "${verbs:?}/$port" && mv "$verbs.new/$port" "$verbs/$port"
else
  rm -rf "${verbs:?}/$port"
fi
rm -rf "$verbs.new"

if [ -d /run/systemd/system ] && [ "$unit" != none ]; then
  if [ -z "$unit" ]; then
    find_unit
    find_running_unit
    [ -z "$unit" ] || echo "found: PostgreSQL in $data is run by $unit ($(systemctl show -p FragmentPath --value "$unit" 2> /dev/null)); if that is wrong, give ServiceUnit and run this again"
  fi
  [ -n "$unit" ] || echo "no systemd unit starts PostgreSQL in $data: give ServiceUnit if there is one" >&2
else
  unit=none
fi

command -v visudo > /dev/null || [ "$login" = "$account" -a "${unit:-none}" = none ] || { echo "sudo is missing: install it" >&2; exit 1; }
if command -v visudo > /dev/null; then
  umask 0227
  {
    echo "# Written by pgwatchdog config host."
    if [ "$login" != "$account" ] && [ "$login" != root ]; then
      echo "$login ALL=($account) NOPASSWD: /bin/sh"
      [ ! -e "$verbs/$port" ] || echo "$login ALL=($account) NOPASSWD: $verbs/run"
    fi
    if [ "${unit:-none}" != none ]; then
      for verb in start stop restart; do
        echo "$account ALL=(root) NOPASSWD: $(command -v systemctl) $verb $unit"
      done
    fi
    if [ -d /run/systemd/system ]; then
      for verb in stop restart; do
        echo "$account ALL=(root) NOPASSWD: $(command -v systemctl) $verb $guard_unit"
      done
    fi
  } > "$sudoers.new"
  visudo -cqf "$sudoers.new" || { rm -f "$sudoers.new"; exit 1; }
  mv -f "$sudoers.new" "$sudoers"
  umask 0022
fi

if [ -d /run/systemd/system ]; then
  linked=''
  [ ! -L "$data" ] || linked="\"-$(path_text "$(readlink -m "$data")")\""
  cat > "/etc/systemd/system/$guard_unit" << END
[Unit]
StartLimitIntervalSec=0
Description=PgReplWatchdog guard of PostgreSQL in $(systemd_text "$data")
ConditionPathExists=$(printf '%s' "$guard" | sed 's/%/%%/g')

[Service]
User=$account
ExecStart=/bin/sh "$(systemd_text "$guard")" run
Restart=always
RestartSec=100ms
OOMScoreAdjust=-900
Nice=-10
CPUWeight=1000
LimitNPROC=infinity
TasksMax=infinity
# It needs the server's processes, and what lies beside its data. A fresh copy takes the data directory's place, so that it is the directory above that may be written to.
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ReadWritePaths="-$(path_text "${data%/*}/")" $linked
ProtectHome=read-only
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
END
  if [ "${unit:-none}" != none ]; then
    # One that was armed when it went down must not serve before a standby says that nobody has taken its place. Never as root: the script is PostgreSQL's account's.
    mkdir -p "/etc/systemd/system/$unit.d"
    # It starts the guard as well; it does not end it: whoever starts PostgreSQL beside its unit is guarded, too.
    cat > "/etc/systemd/system/$unit.d/pgwatchdog.conf" << END
[Unit]
Wants=$guard_unit

[Service]
ExecStartPre=+/sbin/runuser -u $account -- /bin/sh -c "[ ! -e \\"\$\$1\\" ] || exec /bin/sh \\"\$\$1\\" boot-check 60" sh "$(systemd_text "$guard")"
END
  fi
  rm -f "/etc/systemd/system/$start_unit"
  if [ "${unit:-none}" != none ]; then
    # Under its own unit the guard may not use sudo. This starts PostgreSQL's unit for it, and nothing else.
    cat > "/etc/systemd/system/$start_unit" << END
[Unit]
Description=PgReplWatchdog guard asks for PostgreSQL in $(systemd_text "$data")

[Path]
PathChanged=$(printf '%s' "$data.pgwatchdog/start" | sed 's/%/%%/g')
Unit=$unit

[Install]
WantedBy=multi-user.target
END
  fi
  systemctl daemon-reload
  systemctl enable -q "$guard_unit"
  [ ! -e "/etc/systemd/system/$start_unit" ] || { systemctl enable -q "$start_unit" && systemctl restart "$start_unit"; }
  systemctl try-restart "$guard_unit"
fi
echo "prepared: $login lets the watchdog in by its key${unit:+, unit $unit}"
