using System.CommandLine;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Probing;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>`pgwatchdog run`.</summary>
public static class RunCommand
{
    public const string Name = "run";

    public static Command Create()
    {
        var command = new Command(Name, Text.Run);
        command.SetAction(async (parsed, cancellation) =>
        {
            var file = parsed.GetValue(Commands.Config)!;
            var installation = InstallationLoader.Load(file);
            // A start that is refused renames nobody.
            installation = installation.OwnedBy(SqliteJournal.OwnerIn(installation.StateDirectory, machine: ""));
            if (await OtherWatchdogs.FindAsync(installation, cancellation) is { IsEmpty: false } others)
            {
                foreach (var other in others)
                    await Console.Error.WriteLineAsync(other);
                return ExitCode.Failed;
            }
            installation = installation.OwnedBy(SqliteJournal.OwnerIn(installation.StateDirectory, ThisHost.Machine));
            Console.SetOut(new Printable.Writer(Console.Out)); // the log: whatever a database or a host says, it makes no line and moves no cursor
            await using var service = Service.Build(installation, file);
            try
            {
                await service.StartAsync(cancellation);
            }
            catch (Exception failure) when (failure is SocketException or IOException)
            {
                var health = installation.HealthListen is { } checks ? $", {nameof(WatchdogOptions.HealthListen)} is {checks}" : "";
                var agents = installation.AgentListen is { } listen
                    ? $" and {nameof(WatchdogOptions.AgentListen)} is tcp://{listen}" : "";
                await Console.Error.WriteLineAsync($"{file}: {WatchdogOptions.SectionName}:{nameof(WatchdogOptions.Listen)} is {installation.Listen}{health}{agents}, "
                    + (failure.InnerException is AddressInUseException
                        ? "and something listens there already: is the service running? Else give another port"
                        : $"and this machine cannot listen there ({failure.GetBaseException().Message}); give an address of this machine and a port that the account may use"));
                return ExitCode.Unavailable;
            }
            Service.Announce(service, installation);
            await service.WaitForShutdownAsync(cancellation);
            return ExitCode.Ok;
        });
        return command;
    }
}
