using System.Globalization;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>How far a copy is and how fast: since it was first heard of, so that what an interrupted one has left does not count.</summary>
public sealed class CopyMeter(TimeProvider clock)
{
    private const double MiB = 1024 * 1024;

    private (long Bytes, long At)? first;

    public string Text(long bytes, long? total)
    {
        first ??= (bytes, clock.GetTimestamp());
        var seconds = clock.GetElapsedTime(first.Value.At).TotalSeconds;
        var rate = seconds > 0 ? string.Create(CultureInfo.InvariantCulture, $", {Math.Max(bytes - first.Value.Bytes, 0) / seconds / MiB:0.0} MiB/s") : "";
        return string.Create(CultureInfo.InvariantCulture, $"copied {bytes / MiB:0.0} of {Math.Max(total ?? bytes, bytes) / MiB:0.0} MiB{rate}");
    }
}
