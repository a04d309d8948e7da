using System.CommandLine.Parsing;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>The whole configuration, checked, with secrets and keys at hand.</summary>
public sealed record Installation(Uri Listen, string StateDirectory, ImmutableArray<ClusterAccess> Clusters)
{
    /// <summary>Whom the service tells.</summary>
    public NotificationAccess Notifications { get; init; } = new(new NotificationOptions(), null);

    /// <summary>Where health checks and scrapes are answered apart from readers; null: with them.</summary>
    public Uri? HealthListen { get; init; }

    /// <summary>Where HAProxy's agent-check asks; null: nowhere.</summary>
    public IPEndPoint? AgentListen { get; init; }

    /// <summary>What lets somebody change something over HTTP; none: nobody may.</summary>
    public ImmutableArray<NamedToken> Tokens { get; init; } = [];

    /// <summary>As the watchdog of that name has it (<see cref="ClusterSpec.Owner"/>).</summary>
    public Installation OwnedBy(string owner) =>
        this with { Clusters = [.. Clusters.Select(cluster => cluster with { Spec = cluster.Spec with { Owner = owner } })] };

    /// <summary>With an https Listen: the certificate with its key, and those that signed it.</summary>
    public ServerCertificate? Certificate { get; init; }
}

/// <summary>What the service shows to those who ask over TLS.</summary>
public sealed record ServerCertificate(X509Certificate2 Own, X509Certificate2Collection Chain);

/// <summary>A token, and whose it is.</summary>
/// <param name="Name">On record with what it changes.</param>
/// <param name="Value">The token.</param>
/// <param name="May">The names of the actions that it lets do.</param>
public sealed record NamedToken(string Name, Secret Value, ImmutableArray<string> May);

/// <summary>Where notifications go, and what it takes to be heard there.</summary>
public sealed record NotificationAccess(NotificationOptions Options, Secret? WebhookToken);

/// <summary>A cluster and what it takes to talk to its nodes. The specification is for Core; the rest never gets there.</summary>
public sealed record ClusterAccess(
    ClusterSpec Spec, Secret WatchdogPassword, Secret ReplicationPassword, string SshUser, string SshKeyFile, ImmutableDictionary<string, HostAccess> Hosts)
{
    /// <summary>The account that PostgreSQL runs as; all that is done on a host is done as that one.</summary>
    public required string ServerAccount { get; init; }

    /// <summary>The private key of set-up alone; the other one is bound to verbs then. Null: one key does both.</summary>
    public string? SetupSshKeyFile { get; init; }

    /// <summary>The addresses from which the hosts let these keys in; empty: from all.</summary>
    public ImmutableArray<string> SshFrom { get; init; } = [];

    /// <summary>Algorithms of SSH that are broken are accepted as well.</summary>
    public bool SshLegacyAlgorithms { get; init; }

    /// <summary>Programs of the operator's own.</summary>
    public required Procedures Procedures { get; init; }

    /// <summary>When no failover may begin.</summary>
    public required FreezeWindows FreezeWindows { get; init; }

    /// <summary>Time from one look at the whole set-up to the next; zero for none.</summary>
    public TimeSpan DriftCheckInterval { get; init; }

    /// <summary>Addresses outside the cluster that tell whether the watchdog's own network is there.</summary>
    public ImmutableArray<DnsEndPoint> ReferenceAddresses { get; init; } = [];

    /// <summary>Each check makes the primary emit a tiny WAL message.</summary>
    public bool Heartbeat { get; init; }

    /// <summary>Every so many checks a node is asked over a fresh connection as well.</summary>
    public int FreshConnectionEvery { get; init; }
}

/// <summary>Programs on the watchdog's host, each with its arguments; empty where none is configured.</summary>
public sealed record Procedures(string FenceCommand, TimeSpan FenceCommandTimeout, string HookBefore, string HookAfter, TimeSpan HookTimeout)
{
    /// <summary>Program and arguments as separate words; double quotes keep a word with blanks together. No shell reads it.</summary>
    public static ImmutableArray<string> Words(string command) => [.. CommandLineParser.SplitCommandLine(command)];
}

/// <summary>How to get onto a node's host and where PostgreSQL is there.</summary>
/// <param name="Node">The node.</param>
/// <param name="BinDirectory">PostgreSQL's programs.</param>
/// <param name="ServerLog">What pg_ctl appends to where it starts the server.</param>
/// <param name="SshPort">sshd's port.</param>
/// <param name="HostKeyFingerprints">The host keys that are accepted.</param>
/// <param name="ConfigDirectory">Where postgresql.conf is; empty: set-up finds it.</param>
/// <param name="ServiceUnit">systemd's unit of the server; empty: set-up finds it; "none": there is none.</param>
public sealed record HostAccess(
    NodeSpec Node, string BinDirectory, string ServerLog, int SshPort, ImmutableArray<string> HostKeyFingerprints, string ConfigDirectory = "", string ServiceUnit = "")
{
    /// <summary>By which epoch's record something is to be done there; null where it is only looked at.</summary>
    public long? Epoch { get; init; }
}

/// <summary>The configuration is wrong; every error with its key, the value and what to do.</summary>
public sealed class InvalidConfigurationException(string file, IReadOnlyList<string> errors)
    : Exception($"{file}: {string.Join(Environment.NewLine, errors)}")
{
    public string File { get; } = file;
    public IReadOnlyList<string> Errors { get; } = errors;
}
