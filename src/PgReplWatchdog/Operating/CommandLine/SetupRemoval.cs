using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>What `pgwatchdog setup --remove` says.</summary>
internal static class SetupRemoval
{
    public static string Nothing(ClusterAccess cluster) => $"set-up has left nothing on cluster {cluster.Spec.Name} that is to be taken away.";

    public static string Done(ClusterAccess cluster, SetupPlan plan, bool lonePrimary)
    {
        var standbys = string.Join(", ", cluster.Spec.Nodes.Select(node => node.Name).Where(name => name != plan.Primary));
        return (lonePrimary
            ? $"{plan.Primary} serves alone, with nothing of set-up. On {standbys} PostgreSQL is stopped, its data directory as it is; keep it from starting at boot if it is not to."
            : $"{plan.Primary} is watched by nobody any more, and {standbys} go on streaming from it. Yours are now: role {cluster.Spec.Roles.Replication} with its lines in pg_hba.conf, "
                + $"{ConfigurationText.ManagedFileName}, the slots, and the passfile in DATADIR.pgwatchdog.")
            + " What root has put on the hosts goes by pgwatchdog config host CLUSTER NODE --remove.";
    }
}
