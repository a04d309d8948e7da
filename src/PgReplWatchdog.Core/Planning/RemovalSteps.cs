using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Planning;

/// <summary>The steps by which set-up is taken away again.</summary>
public abstract partial record SetupStep
{
    public sealed record DropRole(string On, string Role) : SetupStep(On)
    {
        public override string Title => $"drop role {Role} with what was granted to it";
        public override string Undo => "pgwatchdog setup";
    }

    public sealed record RevokeRights(string On, string Role, PostgresVersion Version) : SetupStep(On)
    {
        public override string Title => $"take from role {Role} EXECUTE on what pg_rewind reads with; it stays, for replication";
        public override string Undo => "pgwatchdog setup";
    }

    public sealed record DropSlots(string On, ImmutableArray<string> Slots) : SetupStep(On)
    {
        public override string Title => $"drop physical replication slot {string.Join(", ", Slots)}";
        public override string Undo => "pgwatchdog setup";
    }

    /// <param name="On">The node.</param>
    /// <param name="Path">The file.</param>
    /// <param name="Then">What follows from it, for a person to know; may be empty.</param>
    public sealed record RemoveFile(string On, string Path, string Then = "") : SetupStep(On)
    {
        public override string Title => $"remove {Path}{Then}";
        public override string Undo => "pgwatchdog setup";
    }

    /// <summary>The last step on a node: until then the directory says that something is still to be done.</summary>
    /// <param name="On">The node.</param>
    /// <param name="Path">The state directory.</param>
    /// <param name="Keep">Names in it that stay.</param>
    public sealed record RemoveState(string On, string Path, ImmutableArray<string> Keep) : SetupStep(On)
    {
        public override string Title => Keep.IsEmpty ? $"remove {Path} with all that is in it" : $"remove all that is in {Path} but {string.Join(", ", Keep)}";
        public override string Undo => "pgwatchdog setup";
    }
}
