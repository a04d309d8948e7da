using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>What a guard is told when it is armed: how long it may live on which acknowledgements.</summary>
/// <param name="TimeToLive">Without an acknowledgement for longer than this, by the primary's own monotonic clock, the guard stops PostgreSQL.</param>
/// <param name="Vouchers">application_name of the standbys whose acknowledgements count, beside the watchdog's own.</param>
/// <param name="Owner">The watchdog that gave the order (<see cref="ClusterSpec.Owner"/>): no other one renews it.</param>
public sealed record GuardOrder(TimeSpan TimeToLive, ImmutableArray<string> Vouchers, string Owner = "")
{
    private const uint OffsetBasis = 2166136261;
    private const uint Prime = 16777619;

    /// <summary>The same for the same order, whatever the order of the names: eight hexadecimal digits (FNV-1a; a mark, no secret).</summary>
    public string Id => Words.Aggregate(OffsetBasis, (hash, letter) => unchecked((hash ^ letter) * Prime)).ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>The order file: ID, time in milliseconds, the watchdog's role, the vouchers with commas between them, the owner.</summary>
    public string Line(string watchdogRole) => string.Create(CultureInfo.InvariantCulture, $"{Id} {Milliseconds} {watchdogRole} {Names}{OfOwner}\n");

    private long Milliseconds => (long)TimeToLive.TotalMilliseconds;
    private string Names => string.Join(',', Vouchers.Order(StringComparer.Ordinal));
    private string OfOwner => Owner.Length == 0 ? "" : $" {Owner}";
    private string Words => string.Create(CultureInfo.InvariantCulture, $"{Milliseconds} {Names}{OfOwner}");

    public bool Equals(GuardOrder? other) => other is not null && Words == other.Words;

    public override int GetHashCode() => Words.GetHashCode(StringComparison.Ordinal);
}
