#!/bin/sh
# Keeps the cluster's WAL in a directory on every node. Installed by pgwatchdog setup with Archiving: Ship, run by PostgreSQL, and by sshd for the other nodes' keys.
# Beside it: archive.conf (directory, peers, keep in MiB, bin and data of the server, addresses: name, port and host of each peer's PostgreSQL), archive.ssh (key,
# known_hosts, config), and archive.refused (the last push that was refused: time, peer, name, why).
#   archive push PATH NAME     archive_command: into the own directory and those of the other nodes
#   archive restore NAME PATH  restore_command: from the own directory; what is missing there is fetched from the others in the background
#   archive cleanup NAME       archive_cleanup_command: NAME is the oldest segment that this standby needs
#   archive serve PEER         what the node PEER may ask for, in SSH_ORIGINAL_COMMAND
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
# A timeline's number is at most so much above that of this server; each failover adds one.
step=16
# Bytes that a timeline history and a backup history file may have, and how many of the latter are kept. PostgreSQL's have a few hundred.
history_limit=65536
backup_limit=16384
backups=64
# The longest that one file may take from node to node: seconds.
patience=120
# What tells a peer that it was refused; rsync does not hand on an exit status of the other side's.
refused=" is refused: "

fail() { echo "pgwatchdog archive: $*" >&2; exit 1; }

# Segments, partial ones, backup history and timeline history files.
is_wal_name() {
  case $1 in */* | *' '* | '') return 1 ;; esac
  printf '%s\n' "$1" | grep -Eqx '[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history'
}

# Tells the peer, and puts it on record; the same refusal once.
refuse() { # WHY
  echo "pgwatchdog archive: $name from $peer$refused$*" >&2
  read -r _ last 2> /dev/null < "$state/archive.refused" || last=
  [ "$last" = "$peer $name $*" ] || {
    echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $peer $name $*" > "$state/archive.refused.$$" && mv -f "$state/archive.refused.$$" "$state/archive.refused"
  }
  exit 1
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

control() { printf '%s\n' "$told" | sed -n "s|^$1: *||p"; } # LABEL

# Sets position; PostgreSQL's notation alone, and none that no server ever gets to.
read_position() { # LSN
  printf '%s\n' "$1" | grep -Eqx '[0-9A-F]{1,8}/[0-9A-F]{1,8}' || return 1
  position=$(((0x${1%/*} * 4294967296) + 0x${1#*/}))
  [ $position -ge 0 ]
}

# What this server knows of its WAL: segment_size, system, and how far it has replayed at least: known (timeline) and replayed.
read_control() {
  told=$("$bin/pg_controldata" "$data" 2> /dev/null) || return 1
  segment_size=$(control 'Bytes per WAL segment') system=$(control 'Database system identifier') known=$(control "Latest checkpoint's TimeLineID")
  case $segment_size$system$known in *[!0-9]*) return 1 ;; esac
  [ "${segment_size:-0}" -ge 1048576 ] && [ "${known:-0}" -gt 0 ] || return 1
  replayed=0
  read_position "$(control 'Latest checkpoint location')" && replayed=$position
  minimum=$(control "Min recovery ending loc's timeline")
  if read_position "$(control 'Minimum recovery ending location')" && [ "$position" -gt "$replayed" ]; then
    replayed=$position
    [ "${minimum:-0}" -eq 0 ] || known=$minimum
  fi
}

# Sets before to what a timeline history tells of timelines before this server's, fork to where its own was left, and last to where the last was.
read_history() { # FILE TIMELINE
  before='' fork='' last=0 previous=0
  ! grep -Eavqx '[1-9][0-9]{0,9}[[:blank:]]+[0-9A-F]{1,8}/[0-9A-F]{1,8}([[:blank:]].*)?|[[:blank:]]*|#.*' "$1" || return 1
  while read -r left at _ || [ -n "$left" ]; do
    case $left in '' | '#'*) continue ;; esac
    read_position "$at" && [ "$left" -gt "$previous" ] && [ "$left" -lt "$2" ] && [ "$position" -ge "$last" ] || return 1
    previous=$left last=$position
    if [ "$left" -lt "$known" ]; then before="$before$left $at "; fi
    if [ "$left" -eq "$known" ]; then fork=$position; fi
  done < "$1"
  [ "$previous" -gt 0 ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 1 ]
}

# A false history makes segments that are needed look left, and leads a standby astray.
judge_history() { # FILE NAME
  why="it is no timeline history"
  read_history "$1" "$timeline" || return 1
  for own in "$data/pg_wal/$2" "$data/pg_xlog/$2"; do
    [ -f "$own" ] || continue
    why="this server has another $2"
    cmp -s "$1" "$own"
    return
  done
  if [ "$timeline" -le "$known" ]; then
    why="it tells of a fork that this server, on timeline $known, has not come to yet"
    [ "$last" -le "$replayed" ] || [ "$replayed" -eq 0 ]
    return
  fi
  why="it says nothing of timeline $known, which this server is on"
  [ -n "$fork" ] || return 1
  why="it says that timeline $known was left before what this server has replayed of it"
  [ "$fork" -ge "$replayed" ] || return 1
  said=$before
  for own in "$data"/pg_wal/"$(printf '%08X' "$known")".history "$data"/pg_xlog/"$(printf '%08X' "$known")".history; do
    why="it tells another history of this server's timeline $known than $own"
    [ ! -f "$own" ] || { read_history "$own" "$known" && [ "$said" = "$before" ]; } || return 1
  done
}

# Whether FILE can be what its NAME says, by what this server knows (read_control); why tells why not.
judge() { # FILE NAME
  timeline=$((0x${2%"${2#????????}"}))
  why="its timeline is $timeline, this server's $known"
  [ $timeline -gt 0 ] && [ $timeline -le $((known + step)) ] || return 1
  bytes=$(wc -c < "$1")
  case $2 in
    *.history)
      why="it has $bytes bytes, a timeline history at most $history_limit"
      [ "$bytes" -le $history_limit ] && judge_history "$1" "$2"
      ;;
    *.backup)
      why="it has $bytes bytes, a backup history file at most $backup_limit"
      [ "$bytes" -le $backup_limit ]
      ;;
    *)
      why="it has $bytes bytes, a segment $segment_size"
      [ "$bytes" -eq "$segment_size" ] || return 1
      segment=${2#????????} && segment=${segment%.partial}
      address=$(((0x${segment%????????} * 4294967296) + (0x${segment#????????} * segment_size)))
      # XLogLongPageHeaderData: magic, flags and timeline; address; a record that goes on; system identifier; sizes of segment and page.
      # shellcheck disable=SC2046 # five numbers
      set -- $(od -An -v -tu8 -N40 "$1")
      why="its first page is not one of this cluster's WAL at that position"
      [ $# -eq 5 ] && [ "$2" = $address ] && [ "$4" = "$system" ] && [ $(($5 & 4294967295)) -eq "$segment_size" ]
      ;;
  esac
}

# A server that runs as a primary, or did when it was stopped, takes nothing: what it archives is its own. A standby takes what comes from the one that it follows,
# by the file that says so: also while it is stopped. One that follows nobody is in the midst of a failover, and is asked again.
follows() { # PEER
  why="there is no server in $data"
  read -r major 2> /dev/null < "$data/PG_VERSION" || return 1
  why="this server is a primary: it takes WAL from nobody"
  if [ "${major%%.*}" -ge 12 ]; then
    [ -e "$data/standby.signal" ] || return 1
    set -- "$1" "$data/pgwatchdog.conf" "$data/postgresql.auto.conf"
  else
    grep -qs '^[[:blank:]]*standby_mode' "$data/recovery.conf" || return 1
    set -- "$1" "$data/recovery.conf"
  fi
  peer_name=$1
  shift
  why="this standby follows nobody just now"
  conninfo=$(sed -n "s/^[[:blank:]]*primary_conninfo[[:blank:]=]*'\(.*\)'.*/\1/p" "$@" 2> /dev/null | tail -n 1 | tr -d "'")
  host='' port=''
  set -f
  for word in $conninfo; do
    case $word in host=*) host=${host:-${word#host=}} ;; port=*) port=${port:-${word#port=}} ;; esac
  done
  set +f
  [ -n "$host" ] || return 1
  why="this standby follows $host, port ${port:-5432}, and that is not $peer_name"
  printf '%s\n' "$addresses" | grep -Fqx "$peer_name ${port:-5432} $host"
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

# The size is what is kept to; of the files the oldest go, and backup history files with the segments that they are about. Timeline history files stay: there are no more
# than timelines. With NAME: nothing from NAME on.
prune() { # [NAME]
  newest=$(ls "$directory" | grep -Ex '[0-9A-F]{24}' | sort -k 1.9,1.24 | tail -n 1)
  [ -n "$newest" ] || return 0
  size=$(wc -c < "$directory/$newest") && [ "$size" -gt 0 ] || return 0
  number=$((keep * 1048576 / size))
  if [ $# -eq 1 ] && [ "$peers" = "${peers#* }" ]; then number=0; fi # nobody else but the primary, which has its own
  ls "$directory" | grep -E '^[0-9A-F]{24}' | sort -k 1.9,1.24 | awk -v number="$number" -v backups=$backups -v need="${1:-}" '
      { name[NR] = $0; about[NR] = /backup$/; if (about[NR]) noted++; else whole++ }
      END {
        for (i = 1; i <= NR; i++) {
          goes = whole > number || (about[i] && noted > backups)
          if (about[i]) noted--; else whole--
          if (goes && (need == "" || substr(name[i], 9, 16) < substr(need, 9, 16))) print name[i]
        }
      }' \
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
    # Of what the other side says, 4 KiB: it goes into the server's log.
    (ulimit -f 8 && exec timeout $patience rsync -W -e "$remote" "$1" "$peer:$2.$sum") > /dev/null 2> "$state/archive.said"
    status=$?
    cat "$state/archive.said" >&2
    if [ $status -eq 0 ]; then
      taken=$((taken + 1))
      rm -f "$state/archive.away.$peer"
    elif grep -Fqs "$refused" "$state/archive.said"; then
      echo "pgwatchdog archive: $peer has refused $2" >&2
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

limit_of() { # NAME
  case $1 in *.history) echo $history_limit ;; *.backup) echo $backup_limit ;; *) echo "$segment_size" ;; esac
}

# What did not arrive whole, under rsync's own name as well; and what was left by a transfer that ended with its host.
clear_incoming() { # FILE
  rm -f "$incoming/$1" "$incoming/.$1".*
  find "$incoming" -type f -mmin +$((patience / 60 + 2)) -exec rm -f {} +
}

fetch_one() { # NAME
  [ ! -f "$directory/$1" ] || return 0
  read_control || fail "$bin/pg_controldata does not tell what $data is"
  for peer in $peers; do
    if is_recent "$state/archive.away.$peer" $away; then continue; fi
    # Blocks of 512 bytes (POSIX, ulimit).
    (ulimit -f "$(($(limit_of "$1") / 512))" && exec timeout $patience rsync -W -e "$remote" "$peer:$1" "$incoming/$1.$$")
    status=$?
    if [ $status -eq 0 ]; then
      if ! judge "$incoming/$1.$$" "$1"; then
        echo "pgwatchdog archive: $1 from $peer is not taken: $why" >&2
      elif sync "$incoming/$1.$$" && take "$incoming/$1.$$" "$1"; then
        return 0
      fi
    fi
    clear_incoming "$1.$$"
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
serve() { # PEER
  peer=${1:-} name=-
  case " $peers " in *" ${peer:- } "*) ;; *) peer=- && refuse "this key is of no node of the cluster, or its line in authorized_keys is older than this script: run pgwatchdog setup" ;; esac
  set -f
  # shellcheck disable=SC2086 # words
  set -- ${SSH_ORIGINAL_COMMAND:-}
  set +f
  if [ "$*" = check ]; then
    command -v rsync > /dev/null || fail "rsync is missing"
    [ -d "$incoming" ] || fail "there is no $incoming"
    exit 0
  fi
  [ "${1:-}" = rsync ] && [ "${2:-}" = --server ] || refuse "this key is for WAL"
  shift 2
  sender=
  if [ "${1:-}" = --sender ]; then
    sender=$1
    shift
  fi
  # Whole files, and what this rsync can do: no option that reads or writes anything else.
  [ $# -eq 3 ] && [ "$2" = . ] && printf '%s\n' "$1" | grep -Eqx -e '-We\.[A-Za-z]*' || refuse "this key is for WAL"
  if [ -n "$sender" ]; then
    is_wal_name "$3" || refuse "this key is for WAL"
    exec rsync --server --sender "$1" . "$directory/$3"
  fi
  is_wal_name "${3%.*}" || refuse "this key is for WAL"
  name=${3%.*}
  receive "$1" "${3##*.}"
}

# One file at a time from a peer, so that no more than one waits in incoming. Before anything is received it is clear that it may be.
receive() { # OPTIONS SUM
  follows "$peer" || refuse "$why"
  read_control || refuse "$bin/pg_controldata does not tell what $data is"
  room=$(df -k --output=avail "$directory" | tail -n 1)
  [ $((room * 1024)) -ge $((2 * segment_size)) ] || refuse "less than two segments' room is left for $directory"
  exec 8> "$state/archive.from.$peer.lock" && flock -w 5 8 || fail "$name from $peer${refused}another file from there is on its way"
  file=$name.$$
  clear_incoming "$file"
  limit=$(limit_of "$name")
  # Blocks of 512 bytes (POSIX, ulimit).
  (ulimit -f $((limit / 512)) && exec timeout $patience rsync --server "$1" . "$incoming/$file")
  status=$?
  case $status in
    0) ;;
    11 | 153) clear_incoming "$file" && refuse "it has more than $limit bytes, or could not be written" ;; # rsync's error of a write; SIGXFSZ
    *) clear_incoming "$file" && exit 1 ;;
  esac
  sum_of "$incoming/$file" && [ "$sum" = "$2" ] && sync "$incoming/$file" || { clear_incoming "$file"; refuse "it did not arrive as it was sent"; }
  judge "$incoming/$file" "$name" || { clear_incoming "$file"; refuse "$why"; }
  if is_left "$name" "$segment_size"; then
    clear_incoming "$file"
    refuse "it is of a timeline that was left before (see $history): the server that sends it has been replaced"
  fi
  take "$incoming/$file" "$name" || exit 1
  prune
}

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
  push) push "$1" "$2" ;;
  restore) restore "$1" "$2" ;;
  cleanup) prune "$1" ;;
  fetch) fetch "$1" ;;
  serve) serve "${1:-}" ;;
  check) ssh -F "$state/archive.ssh/config" "$1" check || exit 1 ;;
  *) fail "push PATH NAME, restore NAME PATH, cleanup NAME, serve PEER or check NODE" ;;
esac
