using System.CommandLine;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Setup;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog config`: validate the file, print what root has to do on a host, print the SQL of the roles.</summary>
public static class ConfigCommand
{
    public static Command Create() => new("config", "See to the configuration, and print what others have to review.") { Validate(), Host(), Sql() };

    private static Command Validate()
    {
        var validate = new Command("validate", Text.ConfigValidate);
        validate.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var installation = InstallationLoader.Load(file);
            foreach (var cluster in installation.Clusters)
                await Console.Out.WriteLineAsync($"{cluster.Spec.Name}: {string.Join(", ", cluster.Spec.Nodes.Select(node => $"{node.Name} ({node.Host}:{node.Port})"))}");
            await Console.Out.WriteLineAsync($"{file} is right");
            return ExitCode.Ok;
        });
        return validate;
    }

    private static Command Host()
    {
        var cluster = new Argument<string>("CLUSTER") { Description = "The cluster's name in the configuration." };
        var node = new Argument<string>("NODE") { Description = "The node whose host is to be prepared." };
        var remove = new Option<bool>("--remove") { Description = "What takes it away again." };
        var command = new Command("host", Text.ConfigHost) { cluster, node, remove };
        command.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var access = Commands.Choose(InstallationLoader.Load(file), parsed.GetValue(cluster), file);
            var name = parsed.GetValue(node)!;
            if (access.Spec.Has(name) is null)
                throw new UsageException($"cluster {access.Spec.Name} has no node {name}; it has {string.Join(", ", access.Spec.Nodes.Select(one => one.Name))}");
            await Console.Out.WriteAsync(parsed.GetValue(remove) ? HostPreparation.Undo(access, name) : HostPreparation.Script(access, name));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Sql()
    {
        var cluster = Commands.Cluster(required: true);
        var version = new Option<int>("--version-number") { Description = "PostgreSQL's server_version_num.", HelpName = "NUMBER", DefaultValueFactory = _ => 150000 };
        var command = new Command("sql", Text.ConfigSql) { cluster, version };
        command.SetAction(async (parsed, _) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var access = Commands.Choose(InstallationLoader.Load(file), parsed.GetValue(cluster), file);
            await Console.Out.WriteAsync(RoleGrants.ForReview(access.Spec.Roles, new Topology.PostgresVersion(parsed.GetValue(version)),
                access.Spec.Replication.RoleLimit(access.Spec.Nodes.Length - 1)));
            return ExitCode.Ok;
        });
        return command;
    }
}
