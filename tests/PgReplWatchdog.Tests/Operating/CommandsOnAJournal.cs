using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Lab;
using PgReplWatchdog.Operating;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.BadInput;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>Commands on the watchdog's host while no service runs: the journal is all there is.</summary>
public sealed class CommandsOnAJournal(ConfigurationFolder folder) : IClassFixture<ConfigurationFolder>
{
    private const string Hostile = "alpha says \u001b[2J\u001b]0;owned\u0007 \u009b31m \u202eabc";

    private static readonly ClusterMemory Remembered = Looks.Known with
    {
        IntendedPrimary = "beta",
        Epoch = 2,
        LastFailover = new(2, "alpha", "beta", true, Looks.Start.AddSeconds(4), 0, Looks.Procedure with
        {
            Evidence = [Hostile],
            Phases = [.. Looks.Procedure.Phases, new(ProcedureStep.HookAfter, Looks.Start.AddSeconds(4))],
        }),
    };

    [Theory]
    [InlineData("pause")]
    [InlineData("resume")]
    [InlineData("acknowledge")]
    [InlineData("explain")]
    [InlineData("events")]
    [InlineData("replay")]
    public async Task Without_a_journal_they_say_where_they_looked_and_make_none(string command)
    {
        var state = folder.In($"no-state-{command}");
        Directory.CreateDirectory(state);
        var result = await RunAsync(state, command);
        result.Says(ExitCode.Failed, $"there is no {SqliteJournal.FileIn(state)}", "StateDirectory").InOneLine();
        Assert.Empty(Directory.GetFileSystemEntries(state));
    }

    [Fact]
    public async Task Pause_resume_and_acknowledge_say_what_is_so_now()
    {
        var state = WithJournal("wishes");
        (await RunAsync(state, "pause")).Shows(ExitCode.Ok, "main is paused: no failover begins until pgwatchdog resume main");
        (await RunAsync(state, "pause")).Shows(ExitCode.Ok, "main was paused already");
        (await RunAsync(state, "explain")).Shows(ExitCode.Ok, "failover is paused: pgwatchdog resume main");
        (await RunAsync(state, "resume")).Shows(ExitCode.Ok, "main is watched as before");
        (await RunAsync(state, "acknowledge")).Shows(ExitCode.Ok, "(epoch 2) is acknowledged");
        (await RunAsync(state, "acknowledge")).Says(ExitCode.Failed, "main has had no failover that was not acknowledged already").InOneLine();
        (await RunAsync(state, "events")).Shows(ExitCode.Ok, $"Paused  failover is paused by {Environment.UserName}", "Resumed", "Acknowledged");
    }

    [Fact]
    public async Task Adopt_says_what_it_means_and_asks_the_service_for_it()
    {
        var state = WithJournal("adopt");
        (await RunAsync(state, "adopt", "omega", "--yes")).Says(ExitCode.Usage, "main has no node omega; it has alpha, beta").InOneLine();
        (await RunAsync(state, "adopt", "beta", "--yes")).Shows(ExitCode.Ok, "beta is the primary of main on record already");
        var unconfirmed = await RunAsync(state, "adopt", "alpha");
        Assert.Equal(ExitCode.Failed, unconfirmed.ExitCode);
        Assert.Contains("rows that only beta has are lost", unconfirmed.Output, StringComparison.Ordinal);
        Assert.Contains("give --yes", unconfirmed.Error, StringComparison.Ordinal);

        using var service = new SqliteJournal(state);
        Assert.Null(service.Wish("main").Adopt);
        var asking = RunAsync(state, "adopt", "alpha", "--yes");
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(service.Wish("main").Adopt is { Node: "alpha", Epoch: 2 }), "the service has the request");
        service.Append("main", Remembered with { IntendedPrimary = "alpha", Epoch = 3 }, []);
        (await asking).Shows(ExitCode.Ok, "alpha is the primary of main");
    }

    [Fact]
    public async Task Adopt_says_why_the_service_lets_it_wait()
    {
        var state = WithJournal("adopt-waits");
        using var service = new SqliteJournal(state);
        var asking = RunAsync(state, "adopt", "alpha", "--yes");
        await SetUp.SetUpTests.EventuallyAsync(() => Task.FromResult(service.Wish("main").Adopt is not null), "the service has the request");
        service.Append("main", Remembered, [new(Looks.Start, EventKind.AdoptionWaits, "alpha is a standby: promote it first")]);
        (await asking).Says(ExitCode.Failed, "alpha is a standby: promote it first").InOneLine();
    }

    [Fact]
    public async Task A_journal_that_another_process_holds_is_told_after_a_short_wait()
    {
        var state = WithJournal("locked");
        await using var other = new SqliteConnection($"Data Source={SqliteJournal.FileIn(state)};Pooling=false");
        other.Open();
        other.Execute("BEGIN IMMEDIATE");
        (await RunAsync(state, "pause")).Says(ExitCode.Failed, "was locked by another process", "nothing was changed, try again").InOneLine();
        other.Execute("ROLLBACK");
        (await RunAsync(state, "pause")).Shows(ExitCode.Ok, "main is paused");
    }

    [Fact]
    public async Task Something_else_in_the_journals_place_is_told()
    {
        var state = folder.In("else");
        Directory.CreateDirectory(state);
        await File.WriteAllTextAsync(SqliteJournal.FileIn(state), new string('x', 5000), TestContext.Current.CancellationToken);
        (await RunAsync(state, "pause")).Says(ExitCode.Failed, "cannot be changed", "not a database").InOneLine();
        (await RunAsync(state, "events")).Says(ExitCode.Failed, "cannot be read", "not a database").InOneLine();
    }

    [Fact]
    public async Task Explain_tells_the_last_failover_with_phases_fencing_and_losses()
    {
        var result = await RunAsync(WithJournal("explain"), "explain");
        result.Shows(ExitCode.Ok, "the service does not answer", "The last failover, from alpha to beta: succeeded", "on verdict Crashed", "2.0 s after the last sign of life",
            "Fence: 0.50 s", "Freeze: 0.50 s", "Promote: 1.00 s", "writable", "fenced by: its host said over SSH", "salvaged from it: 256 bytes", "expected loss at the decision: 256 bytes",
            "estimated loss: 0 bytes", "Why nothing was done the last time", "no failover was begun");
        var json = await RunAsync(WithJournal("explain-json"), "explain", "--json");
        Assert.Equal("Ssh", JsonNode.Parse(json.Output)!["lastFailover"]!["procedure"]!["fencedBy"]!.GetValue<string>());
    }

    /// <summary>Names and messages come from databases; whoever can make one up must not move the cursor of whoever reads it.</summary>
    [Theory]
    [InlineData("explain")]
    [InlineData("events")]
    [InlineData("events", "--json")]
    [InlineData("explain", "--json")]
    public async Task What_a_database_says_has_no_power_over_the_terminal(params string[] command)
    {
        var result = await RunAsync(WithJournal($"hostile-{string.Join("", command)}"), command);
        Assert.Contains("alpha says", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(result.ToString(), letter => letter != '\n' && (char.IsControl(letter) || letter == '\u202e'));
    }

    [Fact]
    public async Task Events_are_the_newest_ones_oldest_first()
    {
        var state = WithJournal("events");
        var result = await RunAsync(state, "events", "--limit", "2", "--json");
        var kinds = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!["kind"]!.GetValue<string>());
        Assert.Equal([nameof(EventKind.VerdictChanged), nameof(EventKind.FailoverNotBegun)], kinds);
        Assert.Empty((await RunAsync(state, "events", "--limit", "0")).Output);
    }

    [Fact]
    public async Task Replay_tells_what_another_threshold_would_have_done()
    {
        var state = WithJournal("replay");
        using (var recorder = new LookRecorder(state, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))
        {
            foreach (var look in Looks.Outage(goneFrom: 3, backAt: 11, Looks.Policy))
                recorder.Saw("main", look, keep: look.Verdict != Verdict.Serving || look.Observation.At.TotalSeconds > 10);
        }
        // BestEffort: the outage's host vanished, and no guard was armed.
        string[] without = ["--threshold", "10s"], with = ["--threshold", "5s"];
        (await RunAsync(state, ["replay", .. without])).Shows(ExitCode.Ok, "10 looks", "found failed 1 times", "ThresholdNotReached");
        (await RunAsync(state, ["replay", .. with])).Shows(ExitCode.Ok, "4.0 s", "candidate beta");
        var json = JsonNode.Parse((await RunAsync(state, ["replay", .. with, "--json"])).Output)!.AsArray();
        Assert.Equal("2026-01-01T00:00:07+00:00", Assert.Single(json)!["wouldDecide"]!["time"]!.GetValue<string>());
        (await RunAsync(state, "replay", "--from", "2026-01-02")).Shows(ExitCode.Ok, "no look is recorded for that time");
    }

    private Task<ProductResult> RunAsync(string state, params string[] command)
    {
        var file = folder.Write(("Listen", "\"http://127.0.0.1:1\""), ("StateDirectory", $"\"{state}\""), ("Clusters:0:Fencing", "\"BestEffort\""), ("Clusters:0:GuardTimeToLive", "\"00:00:00\""));
        return UserCommand.RunAsync([command[0], "main", .. command[1..], "--config", file]);
    }

    private string WithJournal(string name)
    {
        var state = folder.In(name);
        using var journal = new SqliteJournal(state);
        journal.Append("main", Remembered,
        [
            new(Looks.Start, EventKind.GatesChanged, "failover is ready"),
            new(Looks.Start, EventKind.VerdictChanged, Hostile),
            new(Looks.Start, EventKind.FailoverNotBegun, "no failover was begun: verdict Down stood for 8.0 s"),
        ]);
        return state;
    }
}
