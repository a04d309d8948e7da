using System.Net;
using System.Text.RegularExpressions;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>What no single setting can tell: settings that do not go together.</summary>
public static partial class CrossChecks
{
    /// <summary>The name of the token in ApiTokenFile.</summary>
    internal const string ApiToken = "operator";

    /// <summary>What a token may let do.</summary>
    internal static readonly ImmutableArray<string> MayAll = ["pause", "resume", "acknowledge"];

    public static void Run(WatchdogOptions options, List<string> errors)
    {
        const string Root = WatchdogOptions.SectionName;
        Listening(options, errors);
        Duplicates($"{Root}:{nameof(options.Tokens)}", "Name", options.Tokens.Select(token => token.Name).Concat(options.ApiTokenFile.Length > 0 ? [ApiToken] : []), errors);
        foreach (var (token, index) in options.Tokens.Select((token, index) => (token, index)))
        {
            foreach (var right in token.May.Where(right => !MayAll.Contains(right)))
                errors.Add($"{Root}:{nameof(options.Tokens)}:{index}:{nameof(token.May)} has '{right}'; give {string.Join(", ", MayAll)}, or leave it out for all of them");
        }
        Duplicates($"{Root}:Clusters", "Name", options.Clusters.Select(cluster => cluster.Name), errors);
        for (var index = 0; index < options.Clusters.Count; index++)
            Check($"{Root}:Clusters:{index}", options.Clusters[index], errors);
        var sameServer = Duplicates($"{Root}:Clusters", "Host and Port", options.Clusters.SelectMany(cluster => cluster.Nodes).Where(node => node.Host.Length > 0)
            .Select(node => $"{node.Host}:{node.Port}"), errors);
        if (!sameServer) // else the same mistake would be told twice
        {
            Duplicates($"{Root}:Clusters", "Host, SshPort and DataDirectory", options.Clusters.SelectMany(cluster => cluster.Nodes).Where(node => node.Host.Length > 0)
                .Select(node => $"{node.Host}:{node.SshPort}:{node.DataDirectory}"), errors);
        }
    }

    /// <summary>Where AgentListen has the service listen; null where it is no such address.</summary>
    internal static IPEndPoint? Agents(string written) =>
        Uri.TryCreate(written, UriKind.Absolute, out var uri) && uri is { Scheme: "tcp", PathAndQuery: "" or "/", Port: > 0 } && IPAddress.TryParse(uri.DnsSafeHost, out var address)
            ? new IPEndPoint(address, uri.Port)
            : null;

    private static void Listening(WatchdogOptions options, List<string> errors)
    {
        const string Root = WatchdogOptions.SectionName;
        if (options.AgentListen.Length > 0 && Agents(options.AgentListen) is null)
        {
            errors.Add($"{Root}:{nameof(options.AgentListen)} is '{options.AgentListen}'; give an IP address and a port, such as tcp://0.0.0.0:9188, "
                + "or leave it empty");
        }
        if (options.Listen.Length == 0)
            return; // said already: it is missing
        if (ListenAddress(options.Listen) is not { } listen)
        {
            errors.Add($"{Root}:{nameof(options.Listen)} is '{options.Listen}'; give an address with http or https and a port, such as http://127.0.0.1:9187");
            return;
        }
        var health = options.HealthListen.Length > 0 ? ListenAddress(options.HealthListen) : null;
        if (options.HealthListen.Length > 0 && (health is null || health.Port == listen.Port))
        {
            errors.Add($"{Root}:{nameof(options.HealthListen)} is '{options.HealthListen}'; give an address with http or https and a port of its own, such as http://0.0.0.0:9189, "
                + "or leave it empty");
        }
        var encrypted = listen.Scheme == Uri.UriSchemeHttps || health?.Scheme == Uri.UriSchemeHttps;
        foreach (var (name, file) in new[] { (nameof(options.CertificateFile), options.CertificateFile), (nameof(options.CertificateKeyFile), options.CertificateKeyFile) })
        {
            if (encrypted && file.Length == 0)
                errors.Add($"{Root}:{name} is missing; {nameof(options.Listen)} is {options.Listen}, and https takes a certificate and its key");
            else if (!encrypted && file.Length > 0)
                errors.Add($"{Root}:{name} is '{file}', and {nameof(options.Listen)} is {options.Listen}; give {nameof(options.Listen)} with https, or leave the file out");
        }
        foreach (var (setting, file) in options.Tokens.Select((token, index) => ($"{nameof(options.Tokens)}:{index}:{nameof(token.File)}", token.File))
            .Prepend((nameof(options.ApiTokenFile), options.ApiTokenFile)).Where(token => token.Item2.Length > 0 && listen.Scheme != Uri.UriSchemeHttps && !listen.IsLoopback))
        {
            errors.Add($"{Root}:{setting} is '{file}', and {nameof(options.Listen)} is {options.Listen}: the token would cross the network "
                + $"in the clear; give {nameof(options.Listen)} with https or on 127.0.0.1");
        }
    }

    /// <summary>Null where it is no address to listen on. A name other than localhost would make the server listen everywhere.</summary>
    private static Uri? ListenAddress(string written) =>
        Uri.TryCreate(written, UriKind.Absolute, out var listen) && (listen.Scheme == Uri.UriSchemeHttp || listen.Scheme == Uri.UriSchemeHttps)
            && listen.PathAndQuery == "/" && (listen.HostNameType != UriHostNameType.Dns || listen.Host == "localhost") ? listen : null;

    private static void Check(string path, ClusterOptions cluster, List<string> errors)
    {
        if (cluster.UnreachableThreshold < 2 * cluster.CheckInterval)
        {
            errors.Add($"{path}:{nameof(cluster.UnreachableThreshold)} is {cluster.UnreachableThreshold}, {nameof(cluster.CheckInterval)} is {cluster.CheckInterval}; "
                + "give a threshold of at least two intervals, so that no single missed answer can lead to a failover");
        }
        if (cluster.ProbeTimeout > cluster.CheckInterval)
        {
            errors.Add($"{path}:{nameof(cluster.ProbeTimeout)} is {cluster.ProbeTimeout}, {nameof(cluster.CheckInterval)} is {cluster.CheckInterval}; "
                + "give a time-out of at most the interval, so that a silent node does not delay the next check");
        }
        if (cluster.GuardTimeToLive > TimeSpan.Zero && cluster.GuardTimeToLive < (2 * cluster.CheckInterval) + cluster.ProbeTimeout)
        {
            errors.Add($"{path}:{nameof(cluster.GuardTimeToLive)} is {cluster.GuardTimeToLive}, {nameof(cluster.CheckInterval)} is {cluster.CheckInterval}, "
                + $"{nameof(cluster.ProbeTimeout)} is {cluster.ProbeTimeout}; give a time to live of at least two intervals and one time-out: "
                + "without its standbys a primary lives by what the watchdog has seen in the check before");
        }
        if (cluster.WatchdogRole == cluster.ReplicationRole)
            errors.Add($"{path}:{nameof(cluster.WatchdogRole)} and {nameof(cluster.ReplicationRole)} are both '{cluster.WatchdogRole}'; give two roles, each with what it needs and no more");
        if (cluster.ReplicationConnectionLimit > 0 && cluster.Nodes.Count > 1 && ReplicationSettings.LeastRoleLimit(cluster.Nodes.Count - 1) is var least
            && cluster.ReplicationConnectionLimit < least)
        {
            errors.Add($"{path}:{nameof(cluster.ReplicationConnectionLimit)} is {cluster.ReplicationConnectionLimit}; "
                + $"give at least {least} for {cluster.Nodes.Count} nodes, 0 for what set-up finds right, "
                + "or -1 for none: a base backup with streamed WAL takes two connections while the other standbys stream, and before the minor releases of February 2025 PostgreSQL counts them all");
        }
        if (cluster.SetupSshKeyFile.Length > 0 && cluster.SetupSshKeyFile == cluster.SshKeyFile)
            errors.Add($"{path}:{nameof(cluster.SetupSshKeyFile)} is {nameof(cluster.SshKeyFile)}, '{cluster.SshKeyFile}'; give set-up a key of its own, or leave it out");
        foreach (var from in cluster.SshFrom.Where(from => !From().IsMatch(from)))
            errors.Add($"{path}:{nameof(cluster.SshFrom)} has '{from}'; give an address, a network such as 192.0.2.0/24, or a name with * and ?");
        Duplicates($"{path}:Nodes", "Name", cluster.Nodes.Select(node => node.Name), errors);
        Duplicates($"{path}:Nodes", "Name (as a slot name, where '-' becomes '_')",
            cluster.Nodes.Select(node => node.Name).Distinct().Select(name => name.Replace('-', '_')), errors);
        foreach (var (node, index) in cluster.Nodes.Select((node, index) => (node, index)))
        {
            foreach (var mapping in node.TablespaceMapping.Where(mapping => !Mapping().IsMatch(mapping)))
                errors.Add($"{path}:Nodes:{index}:{nameof(node.TablespaceMapping)} has '{mapping}'; give two absolute paths in ASCII without a slash at their end as /old=/new");
            foreach (var half in new[] { 0, 1 })
            {
                Duplicates($"{path}:Nodes:{index}:{nameof(node.TablespaceMapping)}", half == 0 ? "the old path" : "the new path",
                    node.TablespaceMapping.Where(mapping => Mapping().IsMatch(mapping)).Select(mapping => mapping.Split('=')[half]), errors);
            }
            foreach (var fingerprint in node.HostKeyFingerprints.Where(print => !Fingerprint().IsMatch(print)))
            {
                errors.Add($"{path}:Nodes:{index}:{nameof(node.HostKeyFingerprints)} has '{fingerprint}'; "
                    + "give it as `ssh-keyscan HOST | ssh-keygen -lf -` prints it: SHA256: and 43 letters and digits, no more");
            }
        }
    }

    /// <summary>host:port, an IPv6 address in brackets; null where the text is something else.</summary>
    public static DnsEndPoint? Address(string text) =>
        Uri.TryCreate($"tcp://{text}", UriKind.Absolute, out var uri) && uri is { Port: > 0, Host.Length: > 0, PathAndQuery: "" or "/", UserInfo: "" } && !text.EndsWith('/')
            ? new DnsEndPoint(uri.DnsSafeHost, uri.Port)
            : null;

    [GeneratedRegex(@"\A[A-Za-z0-9_.:*?-]+(/[0-9]{1,3})?\z")]
    private static partial Regex From();

    [GeneratedRegex(@"^/[ -<>-~]*[!-.0-<>-~]=/[ -<>-~]*[!-.0-<>-~]\z")]
    private static partial Regex Mapping();

    [GeneratedRegex(@"^SHA256:[A-Za-z0-9+/]{43}\z")]
    private static partial Regex Fingerprint();

    private static bool Duplicates(string path, string what, IEnumerable<string> values, List<string> errors)
    {
        var before = errors.Count;
        foreach (var twice in values.Where(value => value.Length > 0).GroupBy(value => value, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1))
            errors.Add($"{path}: {twice.Count()} entries have {what} {twice.Key}; each must have its own");
        return errors.Count > before;
    }
}
