using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>One change on one host: a closed family. Each says what it changes and how to take it back, and may be run twice.</summary>
public abstract partial record SetupStep
{
    private SetupStep(string node) => Node = node;

    public string Node { get; }

    /// <summary>What it changes, in a line.</summary>
    public abstract string Title { get; }

    /// <summary>How a person takes it back.</summary>
    public abstract string Undo { get; }

    /// <summary>What a person has to know of it before; empty for most.</summary>
    public virtual string Note => "";

    public sealed record PrepareDirectory(string On, string Path) : SetupStep(On)
    {
        public override string Title => $"create {Path} (mode 0700)";
        public override string Undo => $"rm -r {Path}";
    }

    /// <summary>The entries are host and port of each other node; the password comes from the secret when the step runs.</summary>
    /// <param name="On">The node.</param>
    /// <param name="Path">The file.</param>
    /// <param name="Entries">Whom it is for.</param>
    /// <param name="Role">Whose password.</param>
    /// <param name="InHome">Its lines go into the account's .pgpass as well, the only one that a walreceiver before PostgreSQL 10 looks into.</param>
    public sealed record WritePassFile(string On, string Path, ImmutableArray<PassFileEntry> Entries, string Role, bool InHome = false) : SetupStep(On)
    {
        public override string Title => $"write {Path} (mode 0600): password of {Role} for {string.Join(", ", Entries.Select(entry => $"{entry.Host}:{entry.Port}"))}"
            + (InHome ? "; the same lines into ~/.pgpass of PostgreSQL's account" : "");
        public override string Undo => $"rm {Path}" + (InHome ? ", and take its lines out of ~/.pgpass" : "");
    }

    /// <param name="On">The primary.</param>
    /// <param name="Role">Its name.</param>
    /// <param name="Kind">Which of the two.</param>
    /// <param name="Was">What is there.</param>
    /// <param name="Version">Decides which functions there are to grant.</param>
    /// <param name="ConnectionLimit">At least so many connections; a role that has more, or no limit, keeps it.</param>
    /// <param name="BacksUp">The watchdog's role begins and ends backups.</param>
    public sealed record EnsureRole(string On, string Role, RoleKind Kind, RoleState Was, PostgresVersion Version, int ConnectionLimit = ReplicationSettings.NoLimit, bool BacksUp = false)
        : SetupStep(On)
    {
        public override string Title => Was switch
        {
            RoleState.PasswordDiffers => $"set the password of role {Role} ({Verifier})",
            RoleState.RightsDiffer => $"give role {Role} {Rights}{(Kind == RoleKind.Watchdog && Version.HasNamesOfToday ? "; revoke pg_read_all_stats from it" : "")}",
            _ => $"create role {Role} with {Rights} ({Verifier})",
        };

        public override string Undo => $"{(Kind == RoleKind.Watchdog ? "DROP SCHEMA pgwatchdog CASCADE; " : "")}DROP OWNED BY {Role}; DROP ROLE {Role} (in the watchdog's database)";

        private string Verifier => Version.HasScram ? "SCRAM verifier" : "md5 verifier";

        private string Rights => (Kind == RoleKind.Replication ? "LOGIN, REPLICATION" : "LOGIN") + (ConnectionLimit < 0 ? "" : $", CONNECTION LIMIT {ConnectionLimit}")
            + (Kind == RoleKind.Replication ? Version.RewindsByGrant ? " and EXECUTE on what pg_rewind reads with" : ""
                : (Version.HasPromoteFunction ? ", EXECUTE on pg_promote" : "") + (BacksUp && Version.HasNonExclusiveBackup ? ", EXECUTE on the functions that begin and end a backup" : "")
                    + " and schema pgwatchdog, made for it: what a check reads that other roles may not see");
    }

    /// <summary>The script itself, what it has to know of its node, and its start. It does nothing until it is armed.</summary>
    public sealed record InstallGuard(string On, string Path) : SetupStep(On)
    {
        public override string Title => $"install and start the guard {Path} (unarmed)";
        public override string Undo => "pgwatchdog setup --remove-guard";
        public override string Note => "armed, it stops a primary when the watchdog and all standbys are away together for GuardTimeToLive; "
            + $"if both will be away for long, first run on the primary's host: rm {Path}.armed";
    }

    public sealed record RemoveGuard(string On, string Path) : SetupStep(On)
    {
        public override string Title => $"disarm and end the guard {Path}, remove it with all its files";
        public override string Undo => "pgwatchdog setup";
    }

    public sealed record InstallArchive(string On, string Path, string Directory) : SetupStep(On)
    {
        public override string Title => $"install {Path}, which archives WAL into {Directory} here and on the other nodes, with a key of its own (mode 0600)";
        public override string Undo => $"rm -r {Path} {Path}.conf {Path}.ssh {Directory}, after archive_command has been changed";
    }

    /// <summary>Their keys are read when the step runs: the step before may have made them.</summary>
    public sealed record AuthorizeArchive(string On, ImmutableArray<string> Peers) : SetupStep(On)
    {
        public override string Title => $"let the archive keys of {string.Join(", ", Peers)} in, for WAL and nothing else (~/.ssh/authorized_keys), and pin their host keys";
        public override string Undo => "take the lines that end in pgwatchdog-archive:... out of ~/.ssh/authorized_keys";
    }

    public sealed record ProveArchive(string On, ImmutableArray<string> Peers) : SetupStep(On)
    {
        public override string Title => $"see that {string.Join(", ", Peers)} would take WAL from here";
        public override string Undo => "nothing to take back";
    }

    /// <param name="On">The node.</param>
    /// <param name="Path">The file.</param>
    /// <param name="Before">Its text as it was when the facts were gathered; null where it is new.</param>
    /// <param name="After">Its text afterwards.</param>
    /// <param name="InCopy">It goes into a copy that is not there yet: Before is the node's own file, which the copy gets.</param>
    /// <param name="KeepAs">Where the administrator's file is kept as it was; null where it is none, or is kept already.</param>
    public sealed record WriteFile(string On, string Path, string? Before, string After, bool InCopy = false, string? KeepAs = null) : SetupStep(On)
    {
        public override string Title => (Before is null || InCopy ? $"write {Path}" : $"change {Path}") + (KeepAs is null ? "" : $" (as it was it is kept as {KeepAs})");
        public override string Undo => Before is null || InCopy ? $"rm {Path}" : $"take the lines marked pgwatchdog out of {Path}";
    }

    public sealed record Reload(string On) : SetupStep(On)
    {
        public override string Title => "reload the configuration, after PostgreSQL has found no error in the files";
        public override string Undo => "nothing to take back";
    }

    public sealed record Restart(string On, ImmutableArray<string> Because) : SetupStep(On)
    {
        public override string Title => $"RESTART PostgreSQL (needed by {string.Join(", ", Because)})";
        public override string Undo => "nothing to take back";
    }

    public sealed record CreateSlot(string On, string Slot, PostgresVersion Version) : SetupStep(On)
    {
        public override string Title => $"create physical replication slot {Slot}{(Version.ReservesSlots ? ", reserving WAL at once" : "")}";
        public override string Undo => $"SELECT pg_drop_replication_slot('{Slot}')";
    }

    public sealed record StopServer(string On) : SetupStep(On)
    {
        public override string Title => "STOP PostgreSQL (fast)";
        public override string Undo => "start it again";
    }

    /// <param name="On">The standby.</param>
    /// <param name="Path">Where a tablespace goes.</param>
    /// <param name="MoveAsideTo">Where goes what the standby's former data has there; null where there is nothing.</param>
    public sealed record PrepareTablespace(string On, string Path, string? MoveAsideTo) : SetupStep(On)
    {
        public override string Title => MoveAsideTo is null
            ? $"claim {Path} for a tablespace of the copy"
            : $"move {Path} aside to {MoveAsideTo} and claim it for a tablespace of the copy";

        public override string Undo => MoveAsideTo is null ? $"rm -r {Path}" : $"rm -r {Path} && mv {MoveAsideTo} {Path}, and the link in pg_tblspc as it was";
    }

    /// <param name="On">The standby.</param>
    /// <param name="From">The primary.</param>
    /// <param name="Into">The copy's directory.</param>
    /// <param name="Bytes">Size of all databases.</param>
    /// <param name="Method">By what.</param>
    /// <param name="Tablespaces">Where each tablespace goes.</param>
    public sealed record CopyFromPrimary(string On, string From, string Into, long? Bytes, CopyMethod Method, ImmutableArray<TablespaceCopy> Tablespaces) : SetupStep(On)
    {
        public override string Title => $"copy {From} by {(Method == CopyMethod.Rsync ? "rsync" : "pg_basebackup")} into {Into}" + (Bytes is { } bytes ? $" (about {bytes / 1024 / 1024} MiB)" : "");
        public override string Undo => $"rm -r {Into}";
    }

    /// <param name="On">The standby.</param>
    /// <param name="Copy">Where the finished copy is.</param>
    /// <param name="DataDirectory">Where it goes.</param>
    /// <param name="MoveAsideTo">Where the directory that is there goes; null where there is none.</param>
    /// <param name="Managed">Settings that the copy must not have from the primary's ALTER SYSTEM: set-up gives it its own.</param>
    public sealed record InstallCopy(string On, string Copy, string DataDirectory, string? MoveAsideTo, ImmutableArray<string> Managed) : SetupStep(On)
    {
        public override string Title => MoveAsideTo is null
            ? $"make the copy {DataDirectory}"
            : $"move {DataDirectory} aside to {MoveAsideTo} and put the copy in its place";

        public override string Undo => MoveAsideTo is null ? $"rm -r {DataDirectory}" : $"rm -r {DataDirectory} && mv {MoveAsideTo} {DataDirectory}";
    }

    public sealed record RemoveTriggerFile(string On, string Path) : SetupStep(On)
    {
        public override string Title => $"make sure that no {Path} is there: it would promote the standby at once";
        public override string Undo => "nothing to take back";
    }

    public sealed record StartServer(string On) : SetupStep(On)
    {
        public override string Title => "start PostgreSQL";
        public override string Undo => "stop it";
    }

    public sealed record ProveStreaming(string On, string Primary) : SetupStep(On)
    {
        public override string Title => $"see it streaming, as {Primary} sees it (pg_stat_replication)";
        public override string Undo => "nothing to take back";
    }
}

public enum RoleKind
{
    Unknown,
    Replication,
    Watchdog,
}

public sealed record PassFileEntry(string Host, int Port);

/// <summary>A tablespace of the primary, and its directory on the standby.</summary>
public sealed record TablespaceCopy(uint Oid, string From, string To);

/// <summary>What set-up would do, in order; with a refusal it does nothing at all.</summary>
/// <param name="Primary">The node that is or will be primary; null where that cannot be told.</param>
/// <param name="Steps">Empty where everything is as wanted.</param>
/// <param name="Refusals">Why nothing may be done, each with what to do about it.</param>
public sealed record SetupPlan(string? Primary, ImmutableArray<SetupStep> Steps, ImmutableArray<string> Refusals)
{
    /// <summary>What a person should know before the steps are carried out, and after: it is true of the cluster, not of the steps.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>What keeps the steps from being carried out just now, with what to do first; they can be shown all the same.</summary>
    public ImmutableArray<string> NotNow { get; init; } = [];

    public bool IsRefused => !Refusals.IsEmpty;
    public bool ChangesNothing => Steps.IsEmpty && Refusals.IsEmpty;
}
