# What every script on a host begins with. Before it: state, the directory beside the data directory; wanted, the node that the script is meant for; epoch, that of
# the record by which something is to be done, or nothing.

# What set-up found of this server: where its configuration is, and the service manager's unit.
config='' unit='' node=''
[ ! -r "$state/server.conf" ] || . "$state/server.conf"
case $unit in *[!A-Za-z0-9@._:\\-]*) echo "'$state/server.conf' names no unit of systemd: run setup" >&2; exit 1 ;; esac
# An address that has moved leads to another node's host: what is meant for one node is not done to another.
[ "${node:-$wanted}" = "$wanted" ] || {
  echo "this is the host of node $node, not of $wanted: correct Host of $wanted in the configuration." \
    "Was the node renamed? rm '$state/server.conf', then run setup" >&2
  exit 1
}
# By an old record nothing is done. A text that is no number is for an operator, and keeps nobody out.
seen=0
[ -z "$epoch" ] || [ ! -r "$state/epoch" ] || read -r seen _ < "$state/epoch"
case $seen in
  '' | *[!0-9]*) ;;
  *) [ "$seen" -le "${epoch:-$seen}" ] || {
    echo "this host has epoch $seen on record, and the request is of epoch $epoch: nothing was done" >&2
    exit 1
  } ;;
esac
