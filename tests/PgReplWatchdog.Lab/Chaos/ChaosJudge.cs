using System.Globalization;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Lab.Chaos;

/// <summary>Judges each round by what the clients were told, and the whole in the end.</summary>
internal sealed class ChaosJudge(IReadOnlyList<IWriter> writers, TimeSpan threshold)
{
    /// <summary>How much longer than the threshold a fault lasts until somebody must have been promoted; generous, since this is no measurement.</summary>
    private static readonly TimeSpan Generous = TimeSpan.FromSeconds(10);

    public IReadOnlyList<IWriter> Writers => writers;

    private readonly HashSet<(string Client, long Id)> lost = [];

    /// <summary>What was wrong in the round, and what is to be told of it.</summary>
    public async Task<ChaosVerdict> JudgeAsync(Fault fault, Scene before, Scene after, long begin, TimeSpan lasted, CancellationToken ct)
    {
        var account = WriteAccount.Of(writers).Since(begin);
        var (old, now) = (before.Primary, after.Primary);
        var promoted = old != now;
        var missing = await account.LostOnAsync(now, ct);
        lost.UnionWith(missing.Select(row => (row.Client, row.Id)));
        var wrong = new List<string>();
        if (promoted && fault.Must == Must.Hold)
            wrong.Add($"{now} was promoted where nobody may be");
        if (!promoted && fault.Must == Must.FailOver && lasted > threshold + Generous)
            wrong.Add("nobody was promoted");
        var overlap = fault.MayWakeFor > TimeSpan.Zero ? account.AwakeBeside(old, now) : account.OverlapOf(old, now);
        if (promoted && overlap > fault.MayWakeFor)
            wrong.Add(string.Create(CultureInfo.InvariantCulture, $"{old} and {now} both acknowledged for {overlap.TotalSeconds:0.000} s"));
        if (account.Writes.FirstOrDefault(row => row.By != old && row.By != now) is { } third)
            wrong.Add($"{third.By} acknowledged, too");
        if (missing.Count > 0 && (!promoted || fault.MayLose == MayLose.Nothing))
            wrong.Add($"{missing.Count} acknowledged rows are lost, none may be");
        if (missing.Count(row => row.By == now) is > 0 and var own)
            wrong.Add($"{own} rows are lost that {now} has acknowledged itself");
        if (account.HolesIn(missing) is { Count: > 0 } holes)
            wrong.Add($"{holes.Count} rows are lost that {now} must have received, as later ones are there");
        return new ChaosVerdict(wrong, Told(account, old, now, missing.Count));
    }

    /// <summary>In the end all is there that no round has lost: nothing disappears later.</summary>
    public async Task<ChaosVerdict> JudgeAllAsync(LabHost primary, CancellationToken ct)
    {
        var account = WriteAccount.Of(writers);
        var later = (await account.LostOnAsync(primary, ct)).Count(row => !lost.Contains((row.Client, row.Id)));
        return new ChaosVerdict(
            later > 0 ? [$"{later} rows have disappeared that were there after their round"] : [],
            $"{account.Writes.Count} rows acknowledged, {lost.Count} of them lost");
    }

    private static string Told(WriteAccount account, LabHost old, LabHost now, int missing)
    {
        var gap = account.LongestGap()?.Length;
        return string.Create(CultureInfo.InvariantCulture,
            $"{(old == now ? $"{now} stays" : $"{old} -> {now}")}, {account.Writes.Count} rows, {missing} lost, longest pause {gap?.TotalSeconds:0.000} s");
    }
}

/// <summary>A judgement.</summary>
/// <param name="Wrong">Violations; none is good.</param>
/// <param name="Told">What else there is to say.</param>
internal sealed record ChaosVerdict(IReadOnlyList<string> Wrong, string Told);
