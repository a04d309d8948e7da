using System.Net;
using System.Text.Json;
using PgReplWatchdog.Scheduling;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Configuration;

/// <summary>From a file (and the environment) to a checked configuration, or to all the errors in it.</summary>
public static class InstallationLoader
{
    /// <summary>What can be said without reading secrets: enough for commands that only ask the running service.</summary>
    public static WatchdogOptions LoadOptions(string file)
    {
        var (options, errors) = ReadOptions(file);
        return errors.Count == 0 ? options : throw new InvalidConfigurationException(file, errors);
    }

    /// <summary>All of it, secrets and keys included.</summary>
    public static Installation Load(string file)
    {
        var (options, errors) = ReadOptions(file);
        var files = new SecretFiles(file, errors);
        var clusters = options.Clusters.Select((cluster, index) => Cluster($"{WatchdogOptions.SectionName}:Clusters:{index}", cluster, files)).ToImmutableArray();
        var webhookToken = options.Notifications.WebhookTokenFile is { Length: > 0 } path
            ? files.Password($"{Key(nameof(options.Notifications))}:{nameof(NotificationOptions.WebhookTokenFile)}", path)
            : null;
        var tokens = Tokens(options, files, errors);
        var certificate = files.Certificate(Key(nameof(options.CertificateFile)), options.CertificateFile, Key(nameof(options.CertificateKeyFile)), options.CertificateKeyFile);
        return errors.Count == 0
            ? new Installation(new Uri(options.Listen), options.StateDirectory, clusters)
            {
                HealthListen = options.HealthListen.Length > 0 ? new Uri(options.HealthListen) : null,
                AgentListen = CrossChecks.Agents(options.AgentListen),
                Tokens = tokens,
                Certificate = certificate,
                Notifications = new NotificationAccess(options.Notifications, webhookToken),
            }
            : throw new InvalidConfigurationException(file, errors);
    }

    private static ImmutableArray<NamedToken> Tokens(WatchdogOptions options, SecretFiles files, List<string> errors)
    {
        ImmutableArray<NamedToken> tokens =
        [
            .. files.Token(Key(nameof(options.ApiTokenFile)), options.ApiTokenFile) is { } one ? new[] { new NamedToken(CrossChecks.ApiToken, one, CrossChecks.MayAll) } : [],
            .. from token in options.Tokens.Select(
                   (token, index) => (Options: token, Value: files.Token($"{Key(nameof(options.Tokens))}:{index}:{nameof(token.File)}", token.File)))
               where token.Value is not null
               select new NamedToken(token.Options.Name, token.Value, token.Options.May.Count == 0 ? CrossChecks.MayAll : [.. token.Options.May]),
        ];
        foreach (var same in tokens.GroupBy(token => token.Value.Reveal()).Where(same => same.Count() > 1))
            errors.Add($"{Key(nameof(options.Tokens))}: {string.Join(" and ", same.Select(token => token.Name))} have the same token; make one for each with openssl rand -hex 32");
        return tokens;
    }

    private static string Key(string setting) => $"{WatchdogOptions.SectionName}:{setting}";

    private static (WatchdogOptions, List<string>) ReadOptions(string file)
    {
        var options = new WatchdogOptions();
        var errors = new List<string>();
        if (!File.Exists(file))
            throw new InvalidConfigurationException(file, ["there is no such file; name one with --config, or see appsettings.json of the project for an example"]);
        IConfigurationRoot root;
        try
        {
            root = new ConfigurationBuilder().AddJsonFile(Path.GetFullPath(file)).AddEnvironmentVariables().Build();
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidConfigurationException(file, [$"cannot be read: {Explain(failure)}"]);
        }
        var section = root.GetSection(WatchdogOptions.SectionName);
        if (!section.Exists())
            errors.Add($"the section {WatchdogOptions.SectionName} is missing; it holds everything that the watchdog reads");
        else
        {
            OptionsReader.Read(section, options, errors);
            CrossChecks.Run(options, errors);
            ProcedureChecks.Run(options, errors);
            NotificationChecks.Run(options.Notifications, errors);
        }
        return (options, errors);
    }

    private static string Explain(Exception failure)
    {
        for (var cause = failure; cause is not null; cause = cause.InnerException)
        {
            if (cause is JsonException { LineNumber: { } line, BytePositionInLine: { } position })
                return $"line {line + 1}, character {position + 1} is not JSON: {cause.Message.Split(" LineNumber:")[0]}";
        }
        return failure.GetBaseException().Message;
    }

    private static ClusterAccess Cluster(string path, ClusterOptions options, SecretFiles files)
    {
        var nodes = options.Nodes.Select(node => new HostAccess(
            Node(node),
            node.BinDirectory, node.ServerLog, node.SshPort, [.. node.HostKeyFingerprints], node.ConfigDirectory, node.ServiceUnit)).ToImmutableArray();
        return new ClusterAccess(
            Spec(options),
            files.Password($"{path}:{nameof(options.WatchdogPasswordFile)}", options.WatchdogPasswordFile),
            files.Password($"{path}:{nameof(options.ReplicationPasswordFile)}", options.ReplicationPasswordFile),
            options.SshUser,
            files.Key($"{path}:{nameof(options.SshKeyFile)}", options.SshKeyFile),
            nodes.DistinctBy(host => host.Node.Name).ToImmutableDictionary(
                host => host.Node.Name,
                host => host.ServerLog.Length > 0 ? host : host with { ServerLog = host.Node.StateDirectory + "/postgresql.log" }))
        {
            ServerAccount = options.ServerAccount.Length > 0 ? options.ServerAccount : options.SshUser,
            SetupSshKeyFile = files.KeyThatComesAndGoes($"{path}:{nameof(options.SetupSshKeyFile)}", options.SetupSshKeyFile),
            SshFrom = [.. options.SshFrom],
            SshLegacyAlgorithms = options.SshLegacyAlgorithms,
            Procedures = new Procedures(options.FenceCommand, options.FenceCommandTimeout, options.HookBefore, options.HookAfter, options.HookTimeout),
            FreezeWindows = new FreezeWindows(options.FreezeWindows),
            DriftCheckInterval = options.DriftCheckInterval,
            ReferenceAddresses = [.. options.ReferenceAddresses.Select(CrossChecks.Address).OfType<DnsEndPoint>()],
            Heartbeat = options.Heartbeat,
            FreshConnectionEvery = options.FreshConnectionEvery,
        };
    }

    /// <summary>What a decision needs to know of the configuration; no secret is in it.</summary>
    public static ClusterSpec Spec(ClusterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var policy = new Policy
        {
            CheckInterval = options.CheckInterval,
            ProbeTimeout = options.ProbeTimeout,
            UnreachableThreshold = options.UnreachableThreshold,
            MaximumLagBytes = options.MaximumLagBytes,
            Automatic = options.Automatic,
            MinimumInterval = options.MinimumInterval,
            CrashedThreshold = options.CrashedThreshold,
            FailoverWhenStopped = options.FailoverWhenStopped,
            Fencing = options.Fencing,
            GuardTimeToLive = options.GuardTimeToLive,
            SalvageLimit = options.SalvageLimit,
            Rejoin = options.Rejoin,
            HasFenceCommand = options.FenceCommand.Length > 0,
            HasHookBefore = options.HookBefore.Length > 0,
            HasHookAfter = options.HookAfter.Length > 0,
        };
        return new ClusterSpec(options.Name, [.. options.Nodes.Select(Node)], policy, new SqlRoles(options.ReplicationRole, options.WatchdogRole, options.Database,
            BacksUp: options.CopyMethod == CopyMethod.Rsync))
        {
            CopyMethod = options.CopyMethod,
            Weaknesses = options.SshLegacyAlgorithms ? [$"{nameof(options.SshLegacyAlgorithms)} is set: the hosts are asked with algorithms of SSH that are broken"] : [],
            Replication = new ReplicationSettings
            {
                Archiving = options.Archiving,
                ArchiveKeepMegabytes = options.ArchiveKeep,
                Tls = options.Tls,
                ConnectionLimit = options.ReplicationConnectionLimit,
                MaxSlotWalKeepMegabytes = options.MaxSlotWalKeepSize,
            },
        };
    }

    private static NodeSpec Node(NodeOptions node) => new(node.Name, node.Host, node.Port, node.DataDirectory, node.Priority)
    {
        ArchiveDirectory = node.ArchiveDirectory,
        TablespaceMapping = [.. node.TablespaceMapping.Select(mapping => mapping.Split('=', 2)).Where(pair => pair.Length == 2).Select(pair => new TablespaceMove(pair[0], pair[1]))],
    };
}
