using Microsoft.Extensions.Logging.Console;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Notifying;
using PgReplWatchdog.Page;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Scheduling;

namespace PgReplWatchdog.Operating;

/// <summary>The service put together: every registration visible in one place.</summary>
public static class Service
{
    /// <exception cref="JournalUnwritableException">The state directory cannot be used.</exception>
    public static WebApplication Build(Installation installation, string configurationFile) => Build(installation, configurationFile, cluster =>
    {
        var hosts = new SshHosts(cluster);
        return (new PostgresProber(cluster, hosts, TimeProvider.System), new ActionRunner(cluster, hosts, TimeProvider.System));
    });

    /// <summary>With other eyes and hands than the real ones.</summary>
    internal static WebApplication Build(Installation installation, string configurationFile, Func<ClusterAccess, (IProber Eyes, IActionRunner Hands)> reach)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddJsonFile(Path.GetFullPath(configurationFile)).AddEnvironmentVariables();
        builder.Logging.ClearProviders().AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled; // colours come as text, and no text of that kind gets through
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff ";
        });
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Quartz", LogLevel.Warning).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Error)
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None); // a failed start is told by the command, without a stack trace
        builder.Services.AddSystemd(); // under systemd: readiness, and log lines as journald wants them
        HttpRules.Configure(builder, installation);
        OpenApi.Add(builder.Services);

        var services = builder.Services;
        services.AddSingleton<TimeProvider>(new SteadyClock(TimeProvider.System)); // Quartz takes it from here; what people read has the system's
        services.AddSingleton<IJournal>(provider => new SqliteJournal(installation.StateDirectory, provider.GetRequiredService<ILogger<SqliteJournal>>()));
        services.AddSingleton<WatchdogMetrics>();
        services.AddSingleton<Notifier>();
        foreach (var cluster in installation.Clusters)
        {
            var (eyes, hands) = reach(cluster);
            services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Watchdog>(provider, cluster.Spec, eyes, hands, cluster.FreezeWindows, TimeProvider.System));
        }
        services.AddSingleton<WatchedClusters>();
        services.AddSingleton(provider => new AgentAnswers(
            cluster => provider.GetRequiredService<WatchedClusters>().Find(cluster) is { } watchdog ? NodeRoles.Of(watchdog) : null, TimeProvider.System));
        services.AddSingleton(installation);
        services.AddSingleton<ApiTokens>();
        services.Configure<HostOptions>(host => host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.Ignore); // no helper's end is the watchdog's
        services.AddHostedService<Farewell>();
        services.AddHostedService<Alarms>();
        services.AddHostedService<DriftWatch>();
        services.AddHostedService<OperatorLog>();
        services.AddHostedService<Notifications>();
        PageEndpoints.Add(services);
        Schedule.Add(services, installation.Clusters.Select(cluster => cluster.Spec));

        var service = builder.Build();
        _ = service.Services.GetRequiredService<IJournal>(); // a journal that cannot be opened is told now, not at the first check
        HttpRules.Use(service);
        Endpoints.Map(service);
        foreach (var cluster in installation.Clusters)
            service.Services.GetRequiredService<WatchdogMetrics>().Announce(cluster.Spec);
        Rehearse();
        return service;
    }

    /// <summary>The first failover of a process finds loaded and compiled what it needs: clients wait for it.</summary>
    private static void Rehearse()
    {
        var metrics = new WatchdogMetrics();
        Decision? before = null;
        foreach (var (decision, seen) in Rehearsal.Decide(Rehearsal.Failover).Zip(Rehearsal.Failover))
        {
            metrics.Publish(Rehearsal.Spec, seen, decision, TimeSpan.Zero);
            _ = Changes.Between(before, decision);
            _ = MemoryText.Write(decision.Memory);
            before = decision;
        }
    }

    /// <summary>Says that it runs, once it listens.</summary>
    public static void Announce(WebApplication service, Installation installation) =>
        Log.Started(service.Services.GetRequiredService<ILogger<Watchdog>>(), WatchdogMetrics.Version,
            string.Join(", ", installation.Clusters.Select(cluster => cluster.Spec.Name)), installation.Listen);
}
