using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>The whole configuration, checked, with secrets and keys at hand.</summary>
public sealed record Installation(Uri Listen, string StateDirectory, ImmutableArray<ClusterAccess> Clusters);

/// <summary>A cluster and what it takes to talk to its nodes. The specification is for Core; the rest never gets there.</summary>
public sealed record ClusterAccess(
    ClusterSpec Spec, Secret WatchdogPassword, Secret ReplicationPassword, string SshUser, string SshKeyFile, ImmutableDictionary<string, HostAccess> Hosts);

/// <summary>How to get onto a node's host and where PostgreSQL is there.</summary>
public sealed record HostAccess(NodeSpec Node, string BinDirectory, string ServerLog, int SshPort, ImmutableArray<string> HostKeyFingerprints);

/// <summary>The configuration is wrong; every error with its key, the value and what to do.</summary>
public sealed class InvalidConfigurationException(string file, IReadOnlyList<string> errors)
    : Exception($"{file}: {string.Join(Environment.NewLine, errors)}")
{
    public string File { get; } = file;
    public IReadOnlyList<string> Errors { get; } = errors;
}
