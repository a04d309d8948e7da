using PgReplWatchdog.Lab.Chaos;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>A chaotic run can be had again: by its seed, and by its log.</summary>
public sealed class ChaosRoundTests
{
    [Fact]
    public void The_same_seed_draws_the_same_rounds_and_another_one_others()
    {
        Assert.Equal(ChaosRound.Draw(1, Fault.All).Take(200), ChaosRound.Draw(1, Fault.All).Take(200));
        Assert.NotEqual(ChaosRound.Draw(1, Fault.All).Take(200), ChaosRound.Draw(2, Fault.All).Take(200));
    }

    [Fact]
    public void Every_kind_of_fault_is_drawn()
    {
        var drawn = ChaosRound.Draw(1, Fault.All).Take(200).Select(round => Fault.Named(round.Fault).Number).Distinct();
        Assert.Equal(Fault.All.Select(fault => fault.Number).Distinct().Count(), drawn.Count());
    }

    [Fact]
    public async Task A_log_gives_back_the_rounds_that_were_written()
    {
        var rounds = ChaosRound.Draw(7, Fault.All).Take(100).ToList();
        var log = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(log, rounds.Select(round => round.ToLine()), TestContext.Current.CancellationToken);
            Assert.Equal(rounds, ChaosRound.Read(log));
        }
        finally
        {
            File.Delete(log);
        }
    }
}
