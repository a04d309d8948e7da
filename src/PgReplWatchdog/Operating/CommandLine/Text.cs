namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The help texts: a sentence a command, and what --help adds to it, examples and exit codes.</summary>
public static class Text
{
    public const string Root = "Sets up PostgreSQL streaming replication, watches it from a host of its own, and promotes the standby when the primary is down.";

    public const string RootMore = """
        Examples:
          pgwatchdog config validate             is the configuration right?
          pgwatchdog setup main --plan           what would set-up change?
          pgwatchdog setup main                  make the standby
          pgwatchdog run                         the service
          pgwatchdog status                      what it sees

        Exit codes: 0 done, 1 refused or failed, 64 wrong command line, 69 service not reachable or port taken, 78 wrong configuration.
        """;

    public const string Run = "Run the service: check every cluster on its schedule, serve /metrics, /healthz and the status API, fail over.";

    public const string RunMore = """
        Example:
          pgwatchdog run --config /etc/pgwatchdog/appsettings.json

        Exit codes: 0 stopped in order, 64 wrong command line, 69 it cannot listen at Listen (the port is taken), 78 wrong configuration.
        """;

    public const string Setup = "Make a primary and its standbys out of what is there: roles, pg_hba.conf, settings, slot, initial copy, start, proof.";

    public const string SetupMore = """
        A second run changes nothing. A run that was interrupted is completed by the next.

        Examples:
          pgwatchdog setup main --plan           show what would be changed, change nothing
          pgwatchdog setup main
          pgwatchdog setup main --overwrite beta move the data that beta holds aside and copy it anew
          pgwatchdog setup main --remove-guard   take the guard away from all nodes

        Exit codes: 0 everything is as wanted, 1 refused or failed, 2 (with --plan) there is something to change,
        64 wrong command line, 78 wrong configuration.
        """;

    public const string Status = "Ask the running service what it sees: verdict, readiness, nodes, lag, the last events.";

    public const string StatusMore = """
        Examples:
          pgwatchdog status
          pgwatchdog status main --json

        Exit codes: 0 the service answered, 64 wrong command line or no such cluster, 69 it does not answer, 78 wrong configuration.
        """;

    public const string Check = "One check now, without a service: ask all nodes once and say what a watchdog would conclude. Changes nothing.";

    public const string CheckMore = """
        Example:
          pgwatchdog check main

        Exit codes, as monitoring plugins have them: 0 the primary serves and a failover would work, 1 it serves but a failover would not work,
        2 it does not serve as it should, 3 nothing can be said, 64 wrong command line, 78 wrong configuration.
        """;

    public const string ConfigValidate = "Read the configuration with all secrets and keys, and tell everything that is wrong with it at once.";

    public const string ConfigValidateMore = """
        Example:
          pgwatchdog config validate --config ./appsettings.json

        Exit codes: 0 right, 64 wrong command line, 78 wrong configuration.
        """;
}
