using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Observing;

/// <summary>Asks a standby's host for the newest message of a guard in the WAL that the standby has received.</summary>
/// <param name="Node">The standby.</param>
/// <param name="Timeline">Of its WAL.</param>
/// <param name="After">Only messages behind this position count.</param>
public sealed record GuardQuestion(string Node, uint Timeline, Lsn After);

/// <summary>The answer of a standby's host. A host that did not answer, or could not read the WAL, gives none.</summary>
/// <param name="Node">The standby.</param>
/// <param name="After">Only messages behind this position were looked at.</param>
/// <param name="OrderId">The order under which the newest message was written; empty where there is no message.</param>
/// <param name="Owner">The watchdog that gave the order.</param>
/// <param name="Flushed">
/// What this standby had flushed when the message was written, as the primary knew it; null where the message says nothing of this standby.
/// </param>
public sealed record GuardTestimony(string Node, Lsn After, string OrderId = "", string Owner = "", Lsn? Flushed = null);
