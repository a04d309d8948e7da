# On the standby's host: a key pair for one copy, and the primary's host key in a file of its own if it is one that the watchdog trusts. Prints the public half. Before it: state,
# and primary, port, account, fingerprints (with a blank around each).
cd "$state" || exit 1
umask 077
rm -f copy.key copy.key.pub copy.ssh copy.known_hosts
offered=''
ssh-keyscan -T 10 -p "$port" "$primary" 2> /dev/null > copy.known_hosts.new
while read -r _ key; do
  fingerprint=$(printf 'primary %s\n' "$key" | ssh-keygen -lf - 2> /dev/null | cut -d ' ' -f 2)
  case $fingerprints in *" $fingerprint "*) printf 'primary %s\n' "$key" >> copy.known_hosts ;; esac
  offered="$offered $fingerprint"
done < copy.known_hosts.new
rm -f copy.known_hosts.new
if [ ! -s copy.known_hosts ]; then
  if [ -z "$offered" ]; then
    echo "no sshd answers at $primary:$port from here: let this host connect there, or set CopyMethod to BaseBackup" >&2
  else
    echo "the host key of $primary:$port is, seen from here,$offered; HostKeyFingerprints has$fingerprints: somebody may stand between" >&2
  fi
  exit 1
fi
ssh-keygen -q -t ed25519 -N '' -C '' -f copy.key >&2 || exit 1
cat > copy.ssh << END
Host primary
HostName $primary
Port $port
User $account
HostKeyAlias primary
IdentityFile copy.key
IdentitiesOnly yes
UserKnownHostsFile copy.known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
BatchMode yes
ConnectTimeout 10
ServerAliveInterval 15
Compression no
ClearAllForwardings yes
END
cut -d ' ' -f 1,2 copy.key.pub
