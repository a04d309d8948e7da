using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>
/// A position in the write-ahead log, in bytes from its beginning (PostgreSQL manual, "pg_lsn Type").
/// Written as PostgreSQL writes it: two hexadecimal words, <c>16/B374D848</c>.
/// </summary>
public readonly record struct Lsn(ulong Value) : IComparable<Lsn>
{
    /// <summary>Reads PostgreSQL's notation.</summary>
    /// <exception cref="FormatException">The text is not two hexadecimal words with a slash between them.</exception>
    public static Lsn Parse(string text) =>
        TryParse(text, out var position) ? position : throw new FormatException($"'{text}' is not an LSN such as 16/B374D848");

    public static bool TryParse(string text, out Lsn position)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        position = default;
        if (slash <= 0
            || !uint.TryParse(text.AsSpan(0, slash), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var high)
            || !uint.TryParse(text.AsSpan(slash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var low))
            return false;
        position = new Lsn(((ulong)high << 32) | low);
        return true;
    }

    /// <summary>Bytes of WAL from <paramref name="earlier"/> up to here; 0 where it is not earlier at all.</summary>
    public long BytesSince(Lsn earlier) => Value > earlier.Value ? (long)Math.Min(Value - earlier.Value, long.MaxValue) : 0;

    /// <summary>
    /// The further of what was received and what was replayed: after a restart a standby reports as received
    /// the start of a segment it has long replayed (pg_last_wal_receive_lsn).
    /// </summary>
    public static Lsn? Greater(Lsn? one, Lsn? other) =>
        one is null ? other : other is null ? one : one.Value > other.Value ? one : other;

    public int CompareTo(Lsn other) => Value.CompareTo(other.Value);

    public static bool operator <(Lsn left, Lsn right) => left.Value < right.Value;
    public static bool operator >(Lsn left, Lsn right) => left.Value > right.Value;
    public static bool operator <=(Lsn left, Lsn right) => left.Value <= right.Value;
    public static bool operator >=(Lsn left, Lsn right) => left.Value >= right.Value;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Value >> 32:X}/{Value & 0xFFFFFFFF:X}");
}
