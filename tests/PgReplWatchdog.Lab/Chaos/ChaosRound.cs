using System.Text.Json;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Lab.Chaos;

/// <summary>One round: a fault, how long it lasts, and the pause before it. A line of the log, which can be replayed.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="Fault">The fault's name.</param>
/// <param name="Pause">Seconds before it.</param>
/// <param name="Seconds">Seconds from its start to its end.</param>
public sealed record ChaosRound(int Number, string Fault, double Pause, double Seconds)
{
    /// <summary>Rounds without end, the same for the same seed and the same faults: first the kind is drawn, then its variant, so that no kind is rare.</summary>
    /// <param name="seed">What is drawn from.</param>
    /// <param name="faults">The faults.</param>
    /// <param name="threshold">When a failover begins: one round in ten ends about then.</param>
    /// <param name="failover">How long a failover takes at most. More than half of the faults that need one last longer.</param>
    public static IEnumerable<ChaosRound> Draw(int seed, IReadOnlyList<Fault> faults, TimeSpan threshold, TimeSpan failover)
    {
        var kinds = faults.GroupBy(fault => fault.Number).Select(kind => kind.ToList()).ToList();
        var random = new Random(seed);
        for (var number = 1; ; number++)
        {
            var kind = kinds[random.Next(kinds.Count)];
            var fault = kind[random.Next(kind.Count)];
            yield return new ChaosRound(number, fault.Name, Between(random, 1, 5), random.Next(10) == 0
                ? Between(random, threshold.TotalSeconds - 0.3, threshold.TotalSeconds + 1.2)
                : Between(random, 1, 1 + (2.3 * failover.TotalSeconds)));
        }
    }

    /// <summary>The rounds of a log that an earlier run has written.</summary>
    public static IEnumerable<ChaosRound> Read(string log) => File.ReadLines(log).Where(line => line.Length > 0)
        .Select(line => JsonSerializer.Deserialize<ChaosRound>(line) ?? throw new LabException($"no round: {line}"));

    public string ToLine() => JsonSerializer.Serialize(this);

    private static double Between(Random random, double least, double most) => Math.Round(least + (random.NextDouble() * (most - least)), 1);
}
