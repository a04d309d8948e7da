using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>What the guard consists of on a host: the script, the same everywhere, and what it has to know of its node.</summary>
public static class GuardFiles
{
    public static string Script { get; } = SqlText.Of("Setup.guard.sh");

    /// <summary>Assignments for the shell. No secret in it: the password is in the passfile.</summary>
    public static string Configuration(ClusterSpec spec, HostAccess host)
    {
        var others = spec.Nodes.Where(node => node.Name != host.Node.Name).ToList();
        const string Text = "# Written by pgwatchdog setup, read by the guard beside it.\nbin={0}\nhost={1}\nport={2}\n"
            + "role={3}\ndatabase={4}\nmanaged={5}\npeers={6}\nserver_log={7}\nnames={8}\n";
        return Shell.Script(Text, host.BinDirectory, host.Node.Host, $"{host.Node.Port}", spec.Roles.Replication,
            spec.Roles.Database, ConfigurationText.ManagedFileName,
            string.Join(' ', others.Select(node => $"{node.Host}:{node.Port}")), host.ServerLog,
            string.Join(' ', others.Select(node => node.Name)));
    }
}
