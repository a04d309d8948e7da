using Spectre.Console;
using Spectre.Console.Rendering;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>A beginning, and a text whose further lines are indented to where it began; or one line of it, with a sign where it was cut off.</summary>
public sealed class Hanging(Markup lead, Markup text, bool oneLine = false) : Renderable
{
    /// <summary>Wide enough for any sentence: where it is cut off is decided by the screen.</summary>
    private const int Unwrapped = 1 << 20;

    private const int NarrowIndent = 2;

    protected override Measurement Measure(RenderOptions options, int maxWidth) => new(Math.Min(maxWidth, 1), maxWidth);

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
    {
        var beginning = Segment.SplitLines(((IRenderable)lead).Render(options, maxWidth));
        var alone = beginning.Count > 1 || Segment.CellCount(beginning[0]) > maxWidth / 2; // a narrow screen: what follows has lines of its own
        if (alone)
        {
            foreach (var segment in beginning.SelectMany(line => line.Append(Segment.LineBreak)))
                yield return segment;
        }
        var indent = alone ? NarrowIndent : Segment.CellCount(beginning[0]);
        var left = Math.Max(2, maxWidth - indent);
        var lines = Segment.SplitLines(((IRenderable)text).Render(options, oneLine ? Unwrapped : left));
        if (lines.Count == 0)
            lines.Add(new SegmentLine()); // no text: the beginning stands alone
        for (var index = 0; index < lines.Count && !(oneLine && index > 0); index++)
        {
            foreach (var segment in index == 0 && !alone ? beginning[0] : [Segment.Padding(indent)])
                yield return segment;
            var whole = !oneLine || (lines.Count == 1 && Segment.CellCount(lines[index]) <= left);
            foreach (var segment in whole ? lines[index] : [.. Segment.Truncate(lines[index], left - 1), new Segment("…")])
                yield return segment;
            yield return Segment.LineBreak;
        }
    }
}
