#!/bin/sh
# Keeps the cluster's WAL in a directory on every node. Installed by pgwatchdog setup with Archiving: Ship, run by PostgreSQL, and by sshd for the other nodes' keys.
# Beside it: archive.conf (directory, peers, keep in MiB) and archive.ssh (key, known_hosts, config).
#   archive push PATH NAME     archive_command: into the own directory and those of the other nodes
#   archive restore NAME PATH  restore_command: from the own directory; what is missing there is fetched from the others in the background
#   archive cleanup NAME       archive_cleanup_command: NAME is the oldest segment that this standby needs
#   archive serve              what the other nodes may ask for, in SSH_ORIGINAL_COMMAND
#   archive check NODE         whether NODE answers over SSH
# PostgreSQL takes an exit status above 125 for a reason to stop recovery: none but 0 and 1 is given.
set -u
export LC_ALL=C
umask 077
state=${0%/*}
. "$state/archive.conf" || exit 1
incoming=$directory/incoming
# A peer that did not answer is left alone for so long, and a segment that nobody had is not asked for again for so long: seconds.
away=30
missed=3
# So many segments are fetched ahead.
ahead=64

fail() { echo "pgwatchdog archive: $*" >&2; exit 1; }

# Segments, partial ones, backup history and timeline history files.
is_wal_name() {
  case $1 in */* | *' '* | '') return 1 ;; esac
  printf '%s\n' "$1" | grep -Eqx '[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history'
}

sum_of() { # FILE
  sum=$(sha256sum < "$1") || return 1
  sum=${sum%% *}
}

# A segment of a timeline that was left before its end, by the history files here: a server that has been replaced and goes on writing (manual, "Timelines"). A standby
# that took it would part from the new primary.
is_left() { # NAME SIZE
  case $1 in *.*) return 1 ;; esac
  [ "$2" -gt 0 ] || return 1
  segment=${1#????????}
  segment=$(((0x${segment%????????} * (4294967296 / $2)) + 0x${segment#????????}))
  for history in "$directory"/*.history; do
    [ -f "$history" ] || return 1
    while read -r left at _; do
      case $left in '' | *[!0-9]*) continue ;; esac
      [ "$(printf '%08X' "$left")" = "${1%????????????????}" ] || continue
      [ $segment -lt $((((0x${at%/*} * 4294967296) + 0x${at#*/}) / $2)) ] || return 0
    done < "$history"
  done
  return 1
}

# FILE, which is on disk already, becomes NAME: whole or not at all, and never in the place of something else. A link cannot overwrite.
take() { # FILE NAME
  if ln "$1" "$directory/$2" 2> /dev/null; then
    rm -f "$1"
    sync "$directory"
    return
  fi
  cmp -s "$1" "$directory/$2"
  same=$?
  rm -f "$1"
  [ $same -eq 0 ] || { echo "pgwatchdog archive: $directory/$2 is there with another content and was left as it is: two servers have written WAL of the same name" >&2; return 1; }
}

store() { # PATH NAME
  if [ -f "$directory/$2" ] && cmp -s "$1" "$directory/$2"; then return 0; fi
  dd if="$1" of="$incoming/$2.$$" bs=1048576 conv=fsync status=none || { rm -f "$incoming/$2.$$"; return 1; }
  take "$incoming/$2.$$" "$2"
}

# The shell that rsync splits: single quotes keep blanks together there.
remote="ssh -F '$(printf %s "$state/archive.ssh/config" | sed "s/'/''/g")'"

now() { date +%s; }

# A time on record that is less than so many seconds ago; one of another clock does not count.
is_recent() { # FILE SECONDS
  [ -r "$1" ] && read -r then _ < "$1" || return 1
  age=$(($(now) - then))
  [ "$age" -ge 0 ] && [ "$age" -lt "$2" ]
}

# rsync's status for what the connection is to blame for: 255 of ssh, its own 10, 12, 30, 35.
note_away() { # STATUS PEER
  case $1 in 10 | 12 | 30 | 35 | 255) now > "$state/archive.away.$2" ;; esac
}

# The size is what is kept to; of the files the oldest go. Timeline history files stay. With NAME: nothing from NAME on.
prune() { # [NAME]
  newest=$(ls "$directory" | grep -Ex '[0-9A-F]{24}' | sort -k 1.9,1.24 | tail -n 1)
  [ -n "$newest" ] || return 0
  size=$(wc -c < "$directory/$newest") && [ "$size" -gt 0 ] || return 0
  number=$((keep * 1048576 / size))
  if [ $# -eq 1 ] && [ "$peers" = "${peers#* }" ]; then number=0; fi # nobody else but the primary, which has its own
  ls "$directory" | grep -E '^[0-9A-F]{24}' | sort -k 1.9,1.24 \
    | awk -v number="$number" -v need="${1:-}" '{ name[NR] = $0 } END { for (i = 1; i <= NR - number; i++) if (need == "" || substr(name[i], 9, 16) < substr(need, 9, 16)) print name[i] }' \
    | while read -r old; do rm -f "$directory/$old"; done
}

# Archived is what is in the own directory and in one other's at least. While no other takes it PostgreSQL keeps it and asks again; but only until so much waits as is
# kept anyway: a primary whose standbys are away must not fill its disk.
push() { # PATH NAME
  is_wal_name "$2" || fail "$2 is no name of a WAL file"
  store "$1" "$2" || exit 1
  size=$(wc -c < "$1") && sum_of "$1" || exit 1
  if is_left "$2" "$size"; then
    # Nobody would take it; for a person who looks for what was written there it is in the own directory.
    echo "pgwatchdog archive: $2 is of a timeline that was left before (see $history): this server has been replaced" >&2
    exit 0
  fi
  taken=0
  for peer in $peers; do
    if is_recent "$state/archive.away.$peer" $away; then continue; fi
    timeout 120 rsync -W -e "$remote" "$1" "$peer:$2.$sum" > /dev/null
    status=$?
    if [ $status -eq 0 ]; then
      taken=$((taken + 1))
      rm -f "$state/archive.away.$peer"
    else
      note_away $status "$peer"
      echo "pgwatchdog archive: $peer has not taken $2 (rsync: $status)" >&2
    fi
  done
  if [ $taken -eq 0 ] && [ -n "$peers" ]; then
    waiting=$(ls pg_wal/archive_status pg_xlog/archive_status 2> /dev/null | grep -c '\.ready$')
    [ $((waiting * size / 1048576)) -ge "$keep" ] || fail "no other node has taken $2; it is kept and sent again"
    echo "pgwatchdog archive: no other node has taken $2, and $keep MiB wait: it is in $directory only" >&2
  fi
  prune
  exit 0
}

# The server's answer does not wait for a network: a promotion would wait with it.
restore() { # NAME PATH
  is_wal_name "$1" || exit 1
  if [ -f "$directory/$1" ]; then
    if is_left "$1" "$(wc -c < "$directory/$1")"; then exit 1; fi
    cp "$directory/$1" "$2" || exit 1
    exit 0
  fi
  if [ -n "$peers" ] && ! { is_recent "$state/archive.missed" $missed && grep -q " $1\$" "$state/archive.missed"; }; then
    setsid /bin/sh "$0" fetch "$1" > "$state/archive.log" 2>&1 < /dev/null &
  fi
  exit 1
}

fetch_one() { # NAME
  [ ! -f "$directory/$1" ] || return 0
  for peer in $peers; do
    if is_recent "$state/archive.away.$peer" $away; then continue; fi
    timeout 120 rsync -W -e "$remote" "$peer:$1" "$incoming/$1.$$"
    status=$?
    if [ $status -eq 0 ] && sync "$incoming/$1.$$" && take "$incoming/$1.$$" "$1"; then return 0; fi
    rm -f "$incoming/$1.$$"
    note_away $status "$peer"
  done
  return 1
}

# One at a time: NAME, and what comes after it.
fetch() { # NAME
  cd / && exec 9> "$state/archive.lock" && flock -n 9 || exit 0
  name=$1 fetched=0
  while [ $fetched -lt $ahead ]; do
    fetch_one "$name" || { echo "$(now) $name" > "$state/archive.missed"; exit 0; }
    fetched=$((fetched + 1))
    case $name in *.*) exit 0 ;; esac
    size=$(wc -c < "$directory/$name") && [ "$size" -gt 0 ] || exit 1
    timeline=${name%????????????????}
    segment=${name#????????}
    segment=$(((0x${segment%????????} * (4294967296 / size)) + 0x${segment#????????} + 1))
    name=$(printf '%s%08X%08X' "$timeline" $((segment / (4294967296 / size))) $((segment % (4294967296 / size))))
  done
}

# For a key that may do this and nothing else. Words, not a command: no shell reads them again.
serve() {
  set -f
  # shellcheck disable=SC2086 # words
  set -- ${SSH_ORIGINAL_COMMAND:-}
  set +f
  if [ "$*" = check ]; then
    command -v rsync > /dev/null || fail "rsync is missing"
    [ -d "$incoming" ] || fail "there is no $incoming"
    exit 0
  fi
  [ "${1:-}" = rsync ] && [ "${2:-}" = --server ] || fail "this key is for WAL"
  shift 2
  sender=
  if [ "$1" = --sender ]; then
    sender=$1
    shift
  fi
  # Whole files, and what this rsync can do: no option that reads or writes anything else.
  [ $# -eq 3 ] && [ "$2" = . ] && printf '%s\n' "$1" | grep -Eqx -e '-We\.[A-Za-z]*' || fail "this key is for WAL"
  if [ -n "$sender" ]; then
    is_wal_name "$3" || fail "this key is for WAL"
    exec rsync --server --sender "$1" . "$directory/$3"
  fi
  name=${3%.*}
  is_wal_name "$name" || fail "this key is for WAL"
  rsync --server "$1" . "$incoming/$name.$$" || { rm -f "$incoming/$name.$$"; exit 1; }
  sum_of "$incoming/$name.$$" && [ "$sum" = "${3##*.}" ] && sync "$incoming/$name.$$" || { rm -f "$incoming/$name.$$"; fail "$name did not arrive as it was sent"; }
  if is_left "$name" "$(wc -c < "$incoming/$name.$$")"; then
    rm -f "$incoming/$name.$$"
    fail "$name is of a timeline that was left before (see $history): the server that sends it has been replaced"
  fi
  take "$incoming/$name.$$" "$name" || exit 1
  prune
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
  push) push "$1" "$2" ;;
  restore) restore "$1" "$2" ;;
  cleanup) prune "$1" ;;
  fetch) fetch "$1" ;;
  serve) serve ;;
  check) ssh -F "$state/archive.ssh/config" "$1" check || exit 1 ;;
  *) fail "push PATH NAME, restore NAME PATH, cleanup NAME, serve or check NODE" ;;
esac
