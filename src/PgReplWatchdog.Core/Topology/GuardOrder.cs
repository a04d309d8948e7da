using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>What a guard is armed with: how long it may go without a proof, and whose acknowledgements are one (besides the watchdog's own).</summary>
/// <param name="TimeToLive">The lease.</param>
/// <param name="Vouchers">Names of standbys, as they are in application_name.</param>
public sealed record GuardOrder(TimeSpan TimeToLive, ImmutableArray<string> Vouchers)
{
    /// <summary>Eight hexadecimal digits of FNV-1a over the contents: the guard shows it in its application_name.</summary>
    public string Id
    {
        get
        {
            var hash = 2166136261u;
            foreach (var letter in Contents)
                hash = unchecked((hash ^ letter) * 16777619u);
            return hash.ToString("x8", CultureInfo.InvariantCulture);
        }
    }

    /// <summary>The order file's one line: id, time to live in milliseconds, the watchdog's role, the vouchers.</summary>
    public string Line(string watchdogRole) => $"{Id} {Milliseconds} {watchdogRole} {Names}\n";

    private string Milliseconds => ((long)TimeToLive.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
    private string Names => string.Join(',', Vouchers.Order(StringComparer.Ordinal));
    private string Contents => $"{Milliseconds} {Names}";

    public bool Equals(GuardOrder? other) => other is not null && Contents == other.Contents;

    public override int GetHashCode() => Contents.GetHashCode(StringComparison.Ordinal);
}
