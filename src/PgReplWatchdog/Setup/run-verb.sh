#!/bin/sh
# The forced command of the watchdog's key (sshd(8), authorized_keys, command=). Written by `pgwatchdog config host`; belongs to root.
# Arguments: what the client asked for, and its address. Only the first line counts: ": pgwatchdog VERB HASH FRAME DEADLINE NAME=WORD...". It is run if a line of
# NUMBER/allowed matches the whole of it; NUMBER/VERB is the verb's script. docs/decisions/0019.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
request=$(printf '%s\n' "${1-}" | head -n 1) address=${2-}
[ "$request" != ': pgwatchdog clock' ] || exec cat /proc/uptime
refuse() { echo "pgwatchdog: $*" >&2; exit 77; }

verbs=''
for allowed in "$(dirname "$0")"/*/allowed; do
  ! printf '%s\n' "$request" | LC_ALL=C grep -qxEf "$allowed" || verbs=${allowed%/allowed}
done
if [ -z "$verbs" ]; then
  case $request in ': pgwatchdog '*) ;; *) refuse "this key does what the watchdog does, and nothing else: set-up needs the key of SetupSshKeyFile" ;; esac
  verb=${request#: pgwatchdog } known=''
  verb=${verb%% *}
  case $verb in '' | *[!a-z-]*) refuse "this is no verb" ;; esac
  for allowed in "$(dirname "$0")"/*/allowed; do
    ! LC_ALL=C grep -q "^: pgwatchdog $verb " "$allowed" || known=yes
  done
  [ -n "$known" ] || refuse "there is no verb $verb"
  refuse "the verb $verb is not for these words, or another version's: run here as root what 'pgwatchdog config host CLUSTER NODE' prints"
fi

read -r account < "$verbs/account" || exit 1
if [ "$(id -un)" != "$account" ]; then
  [ "$(id -u)" -ne 0 ] || exec runuser -u "$account" -- "$0" "$request" "$address"
  exec sudo -n -u "$account" "$0" "$request" "$address"
fi

# A byte that would mean something to a shell is % and three octal digits. The names are those of the line that matched.
set -f
# shellcheck disable=SC2046 # words without blanks
set -- $(printf '%s' "$request" | sed 's/%/\\0/g')
verb=$3 frame=$5 deadline=$6
shift 6
for word; do
  value=$(printf '%b_' "${word#*=}")
  eval "${word%%=*}=\${value%_}"
done
set +f
echo "$frame"
echo "$frame" >&2
read -r uptime _ < /proc/uptime
[ "${uptime%.*}${uptime#*.}" -le "$deadline" ] || { echo "the request arrived after its deadline; nothing was done" >&2; exit 79; }
[ ! -e "$verbs/$verb.input" ] || exec < "$verbs/$verb.input"
set -- "$address"
unset request address account allowed frame deadline word value uptime
cd / || exit 1
# shellcheck disable=SC1090 # the verb's script
. "$verbs/$verb"
