# Written by pgwatchdog setup for the time of a copy: what the standby's key may do on this host, and nothing else: read the data directory by rsync.
set -f
data={0}
refuse() { echo "pgwatchdog: this key may only read the data directory by rsync" >&2; exit 1; }
# shellcheck disable=SC2086 # into words
set -- $SSH_ORIGINAL_COMMAND
[ "${1-} ${2-} ${3-}" = 'rsync --server --sender' ] || refuse
shift 3
options=''
while [ $# -gt 2 ]; do
  case $1 in
    --numeric-ids | --inplace) ;;
    --*) refuse ;;
    -*e.*)
      # What stands before e. are options, what comes after it says what the other rsync knows. -s would have more of them come by another way.
      short=${1%%e.*}
      case ${short#-} in *[!ltprcvn]*) refuse ;; esac
      case ${1#"$short"e.} in *[!A-Za-z0-9.]*) refuse ;; esac
      ;;
    *) refuse ;;
  esac
  options="$options $1"
  shift
done
[ "${1-}" = . ] || refuse
case ${2-} in
  ./) ;;
  pg_tblspc/*/)
    oid=${2#pg_tblspc/}
    case ${oid%/} in '' | *[!0-9]*) refuse ;; esac
    ;;
  *) refuse ;;
esac
cd "$data" || exit 1
# shellcheck disable=SC2086 # into words
exec rsync --server --sender $options . "$2"
