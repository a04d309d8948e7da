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
          pgwatchdog explain main                what it would do now, and why it did not
          pgwatchdog watch                       what it sees, live
          pgwatchdog pause main                  no failover until resume

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
          pgwatchdog setup main --plan           show what would be changed, change nothing; --json: for a program
          pgwatchdog setup main
          pgwatchdog setup main --overwrite beta move the data that beta holds aside and copy it anew
          pgwatchdog setup main --remove-guard   take the guard away from all nodes
          pgwatchdog setup main --remove         take set-up away; standbys go on streaming, by what is yours then
          pgwatchdog setup main --remove --lone-primary

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

    public const string Watch = "Status, kept current on the terminal until interrupted; then the terminal is as it was.";

    public const string WatchMore = """
        In a pipe: a line for each change. With --json: the status each second, one object a line.

        Examples:
          pgwatchdog watch                       all clusters
          pgwatchdog watch main

        Exit codes: 0 interrupted, 64 wrong command line or no such cluster, 78 wrong configuration. A service that does not answer is waited for.
        """;

    public const string Explain = "Say in words what is the matter with a cluster, what would be done now and what it would lose, what stands in the way, and how the last failover went.";

    public const string ExplainMore = """
        Asks the running service; where it does not answer, its journal on this host.

        Examples:
          pgwatchdog explain main
          pgwatchdog explain main --json

        Exit codes: 0 told, 1 neither the service nor its journal can be read, 64 wrong command line or no such cluster, 78 wrong configuration.
        """;

    public const string Events = "What happened, oldest first: verdicts and gates as they changed, decisions to act and not to act, actions and what came of them.";

    public const string EventsMore = """
        Asks the running service; where it does not answer, its journal on this host.

        Examples:
          pgwatchdog events main --limit 100
          pgwatchdog events --follow             goes on until interrupted
          pgwatchdog events main --json          one object a line

        Exit codes: 0 told, 1 neither the service nor its journal can be read, 64 wrong command line or no such cluster, 78 wrong configuration.
        """;

    public const string Replay = "Decide the recorded looks anew with another policy: when would a failover have been decided?";

    public const string ReplayMore = """
        The service records its looks whenever the primary does not serve or something changes. Nothing is done but reading them, on the watchdog's host.
        After a failover that was really made the looks show the new primary: a longer threshold than the real one cannot be told from one just too long.

        Examples:
          pgwatchdog replay main --threshold 5s
          pgwatchdog replay main --crashed-threshold 500ms --maximum-lag-bytes 0 --from 2026-01-01

        Exit codes: 0 told, 1 the recorded looks cannot be read, 64 wrong command line or no such cluster, 78 wrong configuration.
        """;

    public const string Pause = "Begin no failover of a cluster until resumed. One that is under way and has not fenced yet is taken back.";

    public const string Resume = "End a pause.";

    public const string Acknowledge = "Say that the last failover has been seen to: the next may begin before MinimumInterval has passed.";

    public const string WishMore = """
        Written into the journal of the service on this host, as the watchdog's account or as root; the next check has it, and a restart keeps it.

        Examples:
          pgwatchdog pause main
          pgwatchdog resume main
          pgwatchdog acknowledge main

        Exit codes: 0 it is so now, 1 the journal cannot be changed or there is nothing to acknowledge, 64 wrong command line or no such cluster, 78 wrong configuration.
        """;

    public const string Adopt = "Say which node is the primary, where the record is wrong or the watchdog has too little evidence.";

    public const string AdoptMore = """
        NODE must serve as primary. The service's next check takes it for the primary, also on an older timeline. The former primary is stopped where it
        serves, and made a standby: rows that only the former primary has are lost then. The request ends after 5 minutes, or when the primary changes.

        Examples:
          pgwatchdog adopt main beta
          pgwatchdog adopt main beta --yes

        Exit codes: 0 NODE is the primary on record, 1 not yet (the reason is printed), 64 wrong command line or no such cluster or node, 78 wrong configuration.
        """;

    public const string Takeover = "Say that the other watchdog of a cluster is lost for good: this one replaces its lease.";

    public const string TakeoverMore = """
        Refused while the other watchdog's session is alive: stop that one first. The request ends after 5 minutes.

        Examples:
          pgwatchdog takeover main
          pgwatchdog takeover main --yes

        Exit codes: 0 this watchdog is the only one on record, 1 not yet (the reason is printed), 64 wrong command line or no such cluster, 78 wrong configuration.
        """;

    public const string Check = "One check now, without a service: ask all nodes once and say what a watchdog would conclude. Changes nothing.";

    public const string CheckMore = """
        Example:
          pgwatchdog check main

        Exit codes, as monitoring plugins have them: 0 the primary serves and a failover would work, 1 it serves but a failover would not work,
        2 it does not serve as it should, 3 nothing can be said, 64 wrong command line, 78 wrong configuration.
        """;

    public const string Notify = "Say where notifications go, and with --test send a message to each address: Alertmanager, webhook, heartbeat.";

    public const string NotifyMore = """
        Not the service sends it but this command, with the same configuration: run it on the service's host.

        Examples:
          pgwatchdog notify
          pgwatchdog notify --test               the alert PgWatchdogSaysTest, the event Test, a beat

        Exit codes: 0 every address took it, 1 one did not, or none is configured, 64 wrong command line, 78 wrong configuration.
        """;

    public const string ConfigValidate = "Read the configuration with all secrets and keys, and tell everything that is wrong with it at once.";

    public const string ConfigValidateMore = """
        Example:
          pgwatchdog config validate --config ./appsettings.json

        Exit codes: 0 right, 64 wrong command line, 78 wrong configuration.
        """;

    public const string ConfigHost = "Print a shell script that prepares a node's host, for root to read and run there: login account, sudoers, the guard's unit, the condition at boot.";

    public const string ConfigHostMore = """
        Changes nothing by itself. The script may be run again.

        Examples:
          pgwatchdog config host main alpha | ssh root@alpha sh
          pgwatchdog config host main alpha --remove | ssh root@alpha sh    after pgwatchdog setup --remove

        Exit codes: 0 printed, 64 wrong command line or no such node, 78 wrong configuration.
        """;

    public const string ConfigSql = "Print the SQL with which set-up creates its two roles, for review.";

    public const string ConfigSqlMore = """
        Examples:
          pgwatchdog config sql main
          pgwatchdog config sql main --version-number 170000

        Exit codes: 0 printed, 64 wrong command line or no such cluster, 78 wrong configuration.
        """;
}
