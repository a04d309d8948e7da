using System.Globalization;
using System.Text;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>
/// What shipping WAL consists of on the hosts: a script, what it has to know of its node, and SSH between the nodes with keys that are for this alone. A private key
/// never leaves the host that it was made on.
/// </summary>
public sealed class ArchiveFiles(ClusterAccess cluster, SetupHosts hosts)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static readonly string Script = SqlText.Of("Setup.archive.sh");

    private IEnumerable<HostAccess> Peers(string node) => cluster.Spec.Nodes.Where(other => other.Name != node).Select(other => cluster.Hosts[other.Name]);

    private NodeSpec Node(string node) => cluster.Spec.Node(node);

    private static string Key(NodeSpec node) => node.ArchiveSsh + "/key";

    private static string KnownHosts(NodeSpec node) => node.ArchiveSsh + "/known_hosts";

    private static string SshConfiguration(NodeSpec node) => node.ArchiveSsh + "/config";

    public async Task InstallAsync(string node, CancellationToken cancellation)
    {
        var spec = Node(node);
        await hosts[node].RequireAsync(Shell.Script("""
            umask 077
            mkdir -p {0} {1} {2}/incoming && chmod 0700 {0} {1} {2} || exit 1
            [ -s {3} ] || ssh-keygen -q -t ed25519 -N '' -C {4} -f {3} || exit 1
            chmod 0600 {3}
            """, spec.StateDirectory, spec.ArchiveSsh, spec.ArchiveDirectory, Key(spec), $"pgwatchdog-archive:{cluster.Spec.Name}:{node}"), Limit, cancellation);
        await hosts.WriteFileAsync(node, SshConfiguration(spec), SshText(spec), cancellation);
        await hosts.WriteFileAsync(node, spec.ArchiveConfiguration, ConfigurationOf(spec), cancellation);
        await hosts.WriteFileAsync(node, spec.Archive, Script, cancellation);
    }

    /// <summary>The others' host keys as this host sees them, those alone that the configuration knows; the others' archive keys into authorized_keys.</summary>
    public async Task AuthorizeAsync(string node, CancellationToken cancellation)
    {
        var known = new StringBuilder();
        foreach (var peer in Peers(node))
        {
            var scanned = await hosts[node].RequireAsync(
                Shell.Script("ssh-keyscan -T 5 -p {0} {1} 2> /dev/null || true", peer.SshPort.ToString(CultureInfo.InvariantCulture), peer.Node.Host), Limit, cancellation);
            // "HOST TYPE BASE64", a line each.
            var pinned = scanned.Split('\n').Select(line => PublicKey.Parse(line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])).OfType<PublicKey>()
                .Where(key => IsPinned(peer, key)).ToList();
            if (pinned.Count == 0)
            {
                throw new SshFailureException(SshFailureKind.CommandFailed, scanned.Trim().Length == 0
                    ? $"{node}: no sshd answers at {peer.Node.Host}, port {peer.SshPort}: WAL is shipped from node to node over SSH; open that port between the hosts"
                    : $"{node}: none of the host keys that {peer.Node.Host}, port {peer.SshPort}, shows from there "
                        + $"is in HostKeyFingerprints of {peer.Node.Name}: it is another host, or the setting is wrong");
            }
            foreach (var key in pinned)
                known.Append(CultureInfo.InvariantCulture, $"{peer.Node.Name} {key}\n");
        }
        await hosts.WriteFileAsync(node, KnownHosts(Node(node)), known.ToString(), cancellation);
        var keys = new Dictionary<string, PublicKey>();
        foreach (var peer in Peers(node))
            keys[peer.Node.Name] = await PublicKeyAsync(peer.Node, cancellation)
                ?? throw new SshFailureException(SshFailureKind.CommandFailed,
                    $"{peer.Node.Name}: there is no public key in {Key(peer.Node)}.pub; remove {peer.Node.ArchiveSsh} there, then run setup again");
        var path = await AuthorizedKeysAsync(node, cancellation);
        await hosts[node].RequireAsync(Shell.Script("umask 077; mkdir -p {0}", path[..path.LastIndexOf('/')]), Limit, cancellation);
        await hosts.WriteFileAsync(node, path, WithKeys(await hosts.ReadFileAsync(node, path, cancellation) ?? "", Node(node), keys), cancellation);
    }

    public async Task ProveAsync(string node, ImmutableArray<string> peers, CancellationToken cancellation)
    {
        foreach (var peer in peers)
        {
            var said = await hosts[node].RunAsync(Shell.Script("/bin/sh {0} check {1}", Node(node).Archive, peer), Limit, cancellation);
            if (said.ExitStatus != 0)
            {
                throw new SshFailureException(SshFailureKind.CommandFailed,
                    $"{node} cannot ship WAL to {peer}: {said.Error.Trim()}; "
                    + $"it logs in there over SSH as {cluster.ServerAccount} with the key {Key(Node(node))}: see that sshd lets that account in with ~/.ssh/authorized_keys");
            }
        }
    }

    /// <summary>Whether all of it is there, on each node.</summary>
    public async Task<ImmutableArray<NodeFacts>> CompareAsync(IReadOnlyList<NodeFacts> facts, CancellationToken cancellation)
    {
        var keys = new Dictionary<string, PublicKey>();
        foreach (var node in cluster.Spec.Nodes)
        {
            if (await PublicKeyAsync(node, cancellation) is { } key)
                keys[node.Name] = key;
        }
        return [.. await Task.WhenAll(facts.Select(async node => node with
        {
            ArchiveCurrent = keys.ContainsKey(node.Node) && await IsInstalledAsync(Node(node.Node), cancellation),
            ArchivePeersCurrent = keys.Count == cluster.Spec.Nodes.Length && await KnowsPeersAsync(node.Node, keys, cancellation),
        }))];
    }

    private async Task<bool> IsInstalledAsync(NodeSpec node, CancellationToken cancellation) =>
        await hosts.ReadFileAsync(node.Name, node.Archive, cancellation) == Script
        && await hosts.ReadFileAsync(node.Name, node.ArchiveConfiguration, cancellation) == ConfigurationOf(node)
        && await hosts.ReadFileAsync(node.Name, SshConfiguration(node), cancellation) == SshText(node)
        && (await hosts[node.Name].RunAsync(Shell.Script("[ -d {0}/incoming ] && [ -s {1} ]", node.ArchiveDirectory, Key(node)), Limit, cancellation)).ExitStatus == 0;

    private async Task<bool> KnowsPeersAsync(string node, Dictionary<string, PublicKey> keys, CancellationToken cancellation)
    {
        var known = (await hosts.ReadFileAsync(node, KnownHosts(Node(node)), cancellation) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')).ToList();
        if (!Peers(node).All(peer => known.Any(words => words[0] == peer.Node.Name && PublicKey.Parse(string.Join(' ', words[1..])) is { } key && IsPinned(peer, key))))
            return false;
        var authorized = await hosts.ReadFileAsync(node, await AuthorizedKeysAsync(node, cancellation), cancellation) ?? "";
        return WithKeys(authorized, Node(node), keys.Where(key => key.Key != node).ToDictionary()) == authorized;
    }

    /// <summary>A login that changed its account may have kept the other's home.</summary>
    private async Task<string> AuthorizedKeysAsync(string node, CancellationToken cancellation) => (await hosts[node].RequireAsync("""
        home=$HOME
        [ -O "$home" ] || home=$(getent passwd "$(id -u)" | cut -d : -f 6)
        printf '%s/.ssh/authorized_keys' "$home"
        """, Limit, cancellation)).Trim();

    /// <summary>Null where there is none. What the file holds beside a key is dropped.</summary>
    private async Task<PublicKey?> PublicKeyAsync(NodeSpec node, CancellationToken cancellation) =>
        PublicKey.Parse(await hosts.ReadFileAsync(node.Name, Key(node) + ".pub", cancellation));

    private static bool IsPinned(HostAccess host, PublicKey key) => host.HostKeyFingerprints.Contains(key.Fingerprint);

    /// <summary>A line a peer, told by its comment; whatever else is there stays (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").</summary>
    private string WithKeys(string text, NodeSpec node, IReadOnlyDictionary<string, PublicKey> keys)
    {
        var mark = $" pgwatchdog-archive:{cluster.Spec.Name}:";
        var kept = text.Split('\n').Where(line => line.Length > 0 && !(line.Contains(mark, StringComparison.Ordinal) && line.EndsWith($":{node.Name}", StringComparison.Ordinal)));
        string Command(string peer) => $"/bin/sh {Shell.Quote(node.Archive)} serve {Shell.Quote(peer)}".Replace("\"", "\\\"", StringComparison.Ordinal);
        return string.Concat(kept.Concat(keys.OrderBy(key => key.Key, StringComparer.Ordinal).Select(key =>
            $"restrict,command=\"{Command(key.Key)}\"{From(Node(key.Key).Host)} {key.Value}{mark}{key.Key}:{node.Name}")).Select(line => line + "\n"));
    }

    /// <summary>sshd compares addresses; a name it would have to look up backwards, which it does not by default.</summary>
    private static string From(string host) => Uri.CheckHostName(host) is UriHostNameType.IPv4 or UriHostNameType.IPv6 ? $",from=\"{host}\"" : "";

    /// <summary>Assignments for the shell.</summary>
    private string ConfigurationOf(NodeSpec node) => Shell.Script(
        "# Written by pgwatchdog setup, read by the archive script beside it.\ndirectory={0}\npeers={1}\nkeep={2}\nbin={3}\ndata={4}\naddresses={5}\n",
        node.ArchiveDirectory, string.Join(' ', Peers(node.Name).Select(peer => peer.Node.Name)), cluster.Spec.Replication.ArchiveKeepMegabytes.ToString(CultureInfo.InvariantCulture),
        cluster.Hosts[node.Name].BinDirectory, node.DataDirectory,
        string.Join('\n', Peers(node.Name).Select(peer => string.Create(CultureInfo.InvariantCulture, $"{peer.Node.Name} {peer.Node.Port} {peer.Node.Host}"))));

    /// <summary>ssh_config(5): nothing of the account's own configuration, no key but this one, no host key that was not configured.</summary>
    private string SshText(NodeSpec node) => "# Written by pgwatchdog setup for the archive script.\n"
        + string.Concat(Peers(node.Name).Select(peer => string.Create(CultureInfo.InvariantCulture,
            $"Host {peer.Node.Name}\n  HostName {peer.Node.Host}\n  Port {peer.SshPort}\n  HostKeyAlias {peer.Node.Name}\n")))
        + $"""
        Host *
          User {cluster.ServerAccount}
          IdentityFile "{Key(node).Replace("%", "%%", StringComparison.Ordinal)}"
          IdentitiesOnly yes
          UserKnownHostsFile "{KnownHosts(node).Replace("%", "%%", StringComparison.Ordinal)}"
          GlobalKnownHostsFile /dev/null
          StrictHostKeyChecking yes
          BatchMode yes
          LogLevel ERROR
          ConnectTimeout 3
          ServerAliveInterval 5
          ServerAliveCountMax 3

        """;
}
