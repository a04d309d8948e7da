using PgReplWatchdog.Lab.Chaos;
using PgReplWatchdog.Lab.Faults;

namespace PgReplWatchdog.Tests.Faults;

/// <summary>A chaotic run can be had again: by its seed, and by its log.</summary>
public sealed class ChaosRoundTests
{
    private static readonly TimeSpan Threshold = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Failover = TimeSpan.FromSeconds(10);

    [Fact]
    public void The_same_seed_draws_the_same_rounds_and_another_one_others()
    {
        Assert.Equal(ChaosRound.Draw(1, Fault.All, Threshold, Failover).Take(200), ChaosRound.Draw(1, Fault.All, Threshold, Failover).Take(200));
        Assert.NotEqual(ChaosRound.Draw(1, Fault.All, Threshold, Failover).Take(200), ChaosRound.Draw(2, Fault.All, Threshold, Failover).Take(200));
    }

    [Fact]
    public void Every_kind_of_fault_is_drawn()
    {
        var drawn = ChaosRound.Draw(1, Fault.All, Threshold, Failover).Take(200).Select(round => Fault.Named(round.Fault).Number).Distinct();
        Assert.Equal(Fault.All.Select(fault => fault.Number).Distinct().Count(), drawn.Count());
    }

    [Theory]
    [InlineData(6)]
    [InlineData(10)]
    [InlineData(30)]
    public void Half_of_the_faults_that_need_a_failover_last_longer(int seconds)
    {
        var rounds = ChaosRound.Draw(1, [.. Fault.All.Where(fault => fault.Must == Must.FailOver)], TimeSpan.FromSeconds(seconds / 2.0), TimeSpan.FromSeconds(seconds)).Take(1000).ToList();
        Assert.True(rounds.Count(round => round.Seconds > seconds) >= 500);
    }

    /// <summary>A host that comes back just when another one is promoted: seldom met by chance.</summary>
    [Fact]
    public void One_round_in_ten_ends_when_a_failover_begins()
    {
        var ends = ChaosRound.Draw(1, Fault.All, Threshold, TimeSpan.FromSeconds(13)).Take(1000).Count(round => round.Seconds is > 4.6 and < 6.3);
        Assert.InRange(ends, 100, 200); // some others end there by chance
    }

    [Fact]
    public async Task A_log_gives_back_the_rounds_that_were_written()
    {
        var rounds = ChaosRound.Draw(7, Fault.All, Threshold, Failover).Take(100).ToList();
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
