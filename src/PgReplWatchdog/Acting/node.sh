# What every script on a host begins with. Before it: state, the directory beside the data directory, and wanted, the node that the script is meant for.

# What set-up found of this server: where its configuration is, and the service manager's unit.
config='' unit='' node=''
[ ! -r "$state/server.conf" ] || . "$state/server.conf"
# An address that has moved leads to another node's host: what is meant for one node is not done to another.
[ "${node:-$wanted}" = "$wanted" ] || {
  echo "this is the host of node $node, not of $wanted: correct Host of $wanted in the configuration." \
    "Was the node renamed? rm '$state/server.conf', then run setup" >&2
  exit 1
}
