using System.Diagnostics;
using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>All that was acknowledged to all clients of a lab, and what can be judged from it.</summary>
public sealed class WriteAccount
{
    private WriteAccount(IEnumerable<Acknowledged> writes) => Writes = [.. writes.OrderBy(row => row.Timestamp)];

    /// <summary>Every acknowledged row, oldest acknowledgement first.</summary>
    public IReadOnlyList<Acknowledged> Writes { get; }

    /// <summary>What these writers have been told until now.</summary>
    public static WriteAccount Of(params IEnumerable<IWriter> writers) => new(writers.SelectMany(writer => writer.Acknowledged));

    /// <summary>Only what was acknowledged at this instant or later.</summary>
    public WriteAccount Since(long timestamp) => new(Writes.Where(row => row.Timestamp >= timestamp));

    /// <summary>What one host has acknowledged.</summary>
    public IReadOnlyList<Acknowledged> By(LabHost host) => [.. Writes.Where(row => row.By == host)];

    /// <summary>For how long both acknowledged: the old primary's last acknowledgement minus the new one's first; nothing where they are in order.</summary>
    public TimeSpan OverlapOf(LabHost oldPrimary, LabHost newPrimary)
    {
        var last = Writes.LastOrDefault(row => row.By == oldPrimary);
        var first = Writes.FirstOrDefault(row => row.By == newPrimary);
        return last is null || first is null || last.Timestamp < first.Timestamp
            ? TimeSpan.Zero
            : Stopwatch.GetElapsedTime(first.Timestamp, last.Timestamp);
    }

    /// <summary>For how long the old primary, which had stood still, acknowledged once it went on beside the new one.</summary>
    public TimeSpan AwakeBeside(LabHost oldPrimary, LabHost newPrimary)
    {
        var first = Writes.FirstOrDefault(row => row.By == newPrimary);
        var late = By(oldPrimary).Where(row => row.Timestamp > first?.Timestamp).ToList();
        return late.Count == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(late[0].Timestamp, late[^1].Timestamp);
    }

    /// <summary>Acknowledged rows that are not in the host's table, oldest first.</summary>
    public async Task<IReadOnlyList<Acknowledged>> LostOnAsync(LabHost host, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (Writes.Count == 0)
            return [];
        var there = (await host.PsqlAsync("SELECT client, id FROM deed", ct)).Split('\n').ToHashSet();
        return [.. Writes.Where(row => !there.Contains(string.Create(CultureInfo.InvariantCulture, $"{row.Client}|{row.Id}")))];
    }

    /// <summary>
    /// Lost rows that no failover may lose: they were acknowledged before a row was begun that the same old primary wrote and that is still
    /// there. WAL is a sequence, so what the new primary had received includes them.
    /// </summary>
    public IReadOnlyList<Acknowledged> HolesIn(IReadOnlyCollection<Acknowledged> lost)
    {
        ArgumentNullException.ThrowIfNull(lost);
        var gone = lost.ToHashSet();
        var lastSurvivor = Writes.Where(row => !gone.Contains(row)).GroupBy(row => row.By).ToDictionary(rows => rows.Key, rows => rows.Max(row => row.Begun));
        return [.. lost.Where(row => lastSurvivor.TryGetValue(row.By, out var begun) && row.Timestamp < begun)];
    }

    /// <summary>The pause around an instant, as the clients saw it.</summary>
    public WriteGap GapAt(long timestamp) =>
        new(Writes.LastOrDefault(row => row.Timestamp <= timestamp), Writes.FirstOrDefault(row => row.Timestamp > timestamp));

    /// <summary>The longest pause between two acknowledgements; null with fewer than two.</summary>
    public WriteGap? LongestGap() => Writes.Zip(Writes.Skip(1), (before, after) => new WriteGap(before, after)).MaxBy(gap => gap.Length);
}

/// <summary>A pause between two acknowledgements.</summary>
/// <param name="LastBefore">The last one before; null where there is none.</param>
/// <param name="FirstAfter">The first one after; null where there is none yet.</param>
public sealed record WriteGap(Acknowledged? LastBefore, Acknowledged? FirstAfter)
{
    /// <summary>How long nothing was acknowledged; null where one end is open.</summary>
    public TimeSpan? Length => LastBefore is null || FirstAfter is null ? null : Stopwatch.GetElapsedTime(LastBefore.Timestamp, FirstAfter.Timestamp);
}
