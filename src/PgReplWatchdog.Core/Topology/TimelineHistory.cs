using System.Globalization;
using System.Text;

namespace PgReplWatchdog.Topology;

/// <summary>
/// A timeline and the timelines it branched off, as PostgreSQL's history file has them. Two servers may give the same number to different timelines:
/// they are the same only where their branches are.
/// </summary>
/// <param name="Timeline">The number.</param>
/// <param name="Branches">"1 0/3000000 2 0/4000000": each ancestor with the position at which it was left; empty for timeline 1.</param>
public sealed record TimelineHistory(uint Timeline, string Branches)
{
    /// <summary>A host's answer is bounded: no cluster has seen as many promotions.</summary>
    private const int MostBranches = 500;

    /// <summary>Reads "TIMELINE [ANCESTOR POSITION]...", oldest ancestor first; null where the text is anything else.</summary>
    public static TimelineHistory? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length % 2 == 0 || words.Length > (2 * MostBranches) + 1 || Number(words[0]) is not { } timeline)
            return null;
        var branches = new StringBuilder();
        var last = 0u;
        for (var next = 1; next < words.Length; next += 2)
        {
            if (Number(words[next]) is not { } ancestor || ancestor <= last || ancestor >= timeline || !Lsn.TryParse(words[next + 1], out var left))
                return null;
            last = ancestor;
            branches.Append(branches.Length > 0 ? " " : "").Append(CultureInfo.InvariantCulture, $"{ancestor} {left}");
        }
        return (last == 0) == (timeline == 1) ? new TimelineHistory(timeline, branches.ToString()) : null;
    }

    /// <summary>Where it branched off; null for timeline 1.</summary>
    public Lsn? SwitchPoint => Branches.Length > 0 ? Lsn.Parse(Branches[(Branches.LastIndexOf(' ') + 1)..]) : null;

    /// <summary>The history of one of its ancestors, or its own; null where it does not tell.</summary>
    public TimelineHistory? Of(uint timeline)
    {
        if (timeline == Timeline)
            return this;
        if (timeline == 1)
            return new TimelineHistory(1, "");
        var number = timeline.ToString(CultureInfo.InvariantCulture);
        var words = Branches.Split(' ');
        for (var next = 2; next + 1 < words.Length; next += 2)
        {
            if (words[next] == number)
                return new TimelineHistory(timeline, string.Join(' ', words[..next]));
        }
        return null;
    }

    /// <summary>The other one is this timeline, or an ancestor of it.</summary>
    public bool Continues(TimelineHistory other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Of(other.Timeline) == other;
    }

    private static uint? Number(string word) => uint.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;
}
