using System.Text.Json;
using Microsoft.Data.Sqlite;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.SetUp;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>The journal's files: what is kept, for how long, and what becomes of what another version wrote.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("pgwatchdog-journal-").FullName;

    private static readonly ClusterMemory Full = Looks.Known with
    {
        Replaced = ["alpha"],
        Following = ["gamma"],
        Returning = [new("alpha", ReturnStep.Rejoin, 2, Looks.Start)],
        Guard = new("alpha", new GuardOrder(TimeSpan.FromSeconds(6), ["beta"])),
        Procedure = Looks.Procedure,
        LastFailover = Failover(2),
    };

    [Fact]
    public void Memory_comes_back_as_it_was_written()
    {
        using (var journal = new SqliteJournal(directory))
            journal.Append("main", Full, []);
        using var again = new SqliteJournal(directory);
        Assert.Equal(MemoryText.Write(Full), MemoryText.Write(again.Load("main")));
        Assert.Equal(Looks.Procedure.Evidence, again.Load("main").Procedure!.Evidence.AsEnumerable());
        Assert.Equal(Full.Guard, again.Load("main").Guard);
        Assert.Same(ClusterMemory.Empty, again.Load("other"));
    }

    [Fact]
    public void A_look_comes_back_as_it_was_written()
    {
        var observation = Looks.At(1, Looks.Primary(), Looks.Standby()) with
        {
            Hosts = [new("alpha", HostReach.Reachable, "", TimeSpan.FromSeconds(1)) { Processes = 0, ControlState = "shut down", Job = new(2, false, 1, "no") }],
            PortViews = [new("beta", "alpha", PortAnswer.Silent)],
            References = ReferenceAnswer.Reachable,
            Wish = new(true, 3),
            Report = new("Fence", "alpha", true, 5),
        };
        var written = JsonSerializer.Serialize(new Look("1", Full, observation, Verdict.Down, "Fence", [new(EventKind.FailoverDecided, "so")]), Json.Options);
        Assert.Equal(written, JsonSerializer.Serialize(JsonSerializer.Deserialize<Look>(written, Json.Strict), Json.Options));
        Assert.Contains("\"lsn\":\"0/3000000\"", written, StringComparison.Ordinal);
    }

    /// <summary>Unknown never leads to action; that every enumeration has it first is what makes the reading safe.</summary>
    [Fact]
    public void Every_enumeration_that_is_written_has_a_word_for_what_is_not_understood() =>
        Assert.All(typeof(Verdict).Assembly.GetTypes().Where(type => type.IsEnum && type is { IsPublic: true, Namespace: not "PgReplWatchdog.Planning" }),
            type => Assert.Equal("Unknown", Enum.GetName(type, Enum.ToObject(type, 0))));

    [Theory]
    [InlineData("\"Teleport\"")]
    [InlineData("\"4\"")]
    [InlineData("4")]
    [InlineData("null")]
    [InlineData("{\"a\":1}")]
    public void A_name_of_another_version_is_unknown(string json) =>
        Assert.Equal(ProcedureStep.Unknown, JsonSerializer.Deserialize<ProcedureStep>(json, Json.Options));

    [Fact]
    public void Lists_that_are_missing_or_null_are_empty()
    {
        var status = JsonSerializer.Deserialize<WatchdogListHolder>("""{"name":"a"}""", Json.Options)!;
        Assert.Empty(status.Given);
        Assert.Empty(status.Made);
        status = JsonSerializer.Deserialize<WatchdogListHolder>("""{"name":"a","given":null,"made":null}""", Json.Options)!;
        Assert.Empty(status.Given);
        Assert.Empty(status.Made);
        Assert.Contains("[]", JsonSerializer.Serialize(new WatchdogListHolder("a", default), Json.Options), StringComparison.Ordinal);
    }

    /// <summary>A copy of a state directory on another machine is another watchdog; where a machine has no name nobody can tell.</summary>
    [Fact]
    public void Name_stays_with_the_machine_on_which_it_was_made()
    {
        string Name(string machine) => SqliteJournal.OwnerIn(directory, machine);
        var unknown = Name("");
        Assert.Matches("^[0-9a-f]{8}$", unknown);
        Assert.Equal(unknown, Name("one"));
        Assert.Equal(unknown, Name(""));
        Assert.Equal(unknown, Name("one"));
        var other = Name("another");
        Assert.NotEqual(unknown, other);
        Assert.Matches("^[0-9a-f]{8}$", other);
        Assert.Equal(other, Name("another"));
        Assert.DoesNotContain(Name("one"), new[] { unknown, other });
    }

    /// <summary>As version 0.1.0 wrote it before the procedure had phases.</summary>
    [Fact]
    public void Memory_of_the_version_before_loads_and_its_failover_still_counts()
    {
        var (memory, strange) = MemoryText.Read("""
            {"intendedPrimary":"beta","epoch":2,"systemIdentifier":7000000000000000001,"newestTimeline":2,"lastPosition":{"lsn":"0/3000000","time":"2026-01-01T00:00:00+00:00"},
            "replaced":["alpha"],"procedure":null,"lastFailover":{"epoch":2,"from":"alpha","to":"beta","succeeded":true,"silentSince":"2026-01-01T00:00:00+00:00",
            "decidedAt":"2026-01-01T00:00:10+00:00","finishedAt":"2026-01-01T00:00:11+00:00","lostBytes":42}}
            """);
        Assert.Empty(strange);
        Assert.Equal(("beta", 2L, 2u, new Lsn(0x3000000)), (memory.IntendedPrimary, memory.Epoch, memory.NewestTimeline, memory.LastPosition!.Lsn));
        Assert.Equal((Looks.Start.AddSeconds(11), 42L, "alpha", "beta"),
            (memory.LastFailover!.FinishedAt, memory.LastFailover.EstimatedLossBytes, memory.LastFailover.Procedure.From, memory.LastFailover.Procedure.To));
        Assert.Equal(["alpha"], memory.Replaced.AsEnumerable());
    }

    /// <summary>It had made beta the intended primary when it decided, not when it promoted.</summary>
    [Fact]
    public void A_failover_under_way_that_is_not_understood_is_none_and_is_told_once()
    {
        const string Text = """
            {"intendedPrimary":"beta","epoch":2,"newestTimeline":1,"replaced":["alpha"],
            "procedure":{"epoch":2,"from":"alpha","to":"beta","step":"Promote","attempts":1,"silentSince":"2026-01-01T00:00:00+00:00","decidedAt":"2026-01-01T00:00:10+00:00","lostBytes":0}}
            """;
        using (var journal = new SqliteJournal(directory))
        {
            journal.Append("main", ClusterMemory.Empty, []);
            Execute("UPDATE cluster_memory SET memory = $text", ("$text", Text));
            var memory = journal.Load("main");
            Assert.Null(memory.Procedure);
            Assert.Equal(("alpha", 2L), (memory.IntendedPrimary, memory.Epoch));
        }
        using var again = new SqliteJournal(directory);
        Assert.Equal("alpha", again.Load("main").IntendedPrimary);
        var told = Assert.Single(again.Recent("main", 10));
        Assert.Equal(EventKind.MemoryNotUnderstood, told.Kind);
        Assert.Contains("procedure", told.Sentence, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("""{"epoch":"many","intendedPrimary":7}""")]
    [InlineData("""{"lastPosition":{"lsn":"no lsn","time":"2026-01-01"},"guard":{"node":"alpha"},"lastFailover":{"epoch":1}}""")]
    public void Memory_that_is_damaged_is_told_and_loads(string text)
    {
        var (memory, strange) = MemoryText.Read(text);
        Assert.NotEmpty(strange);
        Assert.Equal(MemoryText.Write(ClusterMemory.Empty), MemoryText.Write(memory));
    }

    [Fact]
    public void Every_failover_is_kept_once()
    {
        using var journal = new SqliteJournal(directory);
        foreach (var epoch in (long[])[2, 2, 3])
            journal.Append("main", Looks.Known with { LastFailover = Failover(epoch) }, []);
        using var reader = new JournalReader(directory);
        Assert.Equal([2, 3], reader.Failovers("main").Select(failover => failover.Epoch));
        Assert.Equal(Looks.Procedure.Phases, reader.Failovers("main")[0].Procedure.Phases.AsEnumerable());
    }

    [Fact]
    public void Events_are_kept_up_to_their_limit_a_cluster()
    {
        using var journal = new SqliteJournal(directory, eventLimit: 5);
        journal.Append("other", Looks.Known, [Event(0)]);
        for (var batch = 0; batch < 3; batch++)
            journal.Append("main", Looks.Known, [.. Enumerable.Range(batch * 1000, 1000).Select(Event)]);
        var kept = journal.Recent("main", 10_000);
        Assert.Equal(["2999", "2998", "2997", "2996", "2995"], kept.Select(entry => entry.Sentence));
        Assert.Single(journal.Recent("other", 10));
        Assert.Equal(kept.Skip(1).Take(2), journal.Recent("main", 2, before: kept[0].Id, kinds: kept[0].Kind));
        Assert.Empty(journal.Recent("main", 2, kinds: EventKind.FailoverNotBegun));
        Assert.Equal(["2996", "2995"], journal.Recent("main", 2, before: kept[2].Id).Select(entry => entry.Sentence));
        Assert.Equal(["2999", "2998"], journal.Recent(null, 10, after: kept[2].Id).Select(entry => entry.Sentence));
    }

    [Fact]
    public void Looks_are_kept_with_the_one_before_and_up_to_their_limit()
    {
        using (var recorder = new LookRecorder(directory, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, limit: 4))
        {
            foreach (var (look, index) in Looks.Outage(goneFrom: 3, backAt: 6, Looks.Policy).Select((look, index) => (look, index)))
                recorder.Saw("main", look, keep: index >= 3);
        }
        using var _ = new SqliteJournal(directory);
        using var reader = new JournalReader(directory);
        Assert.Equal([2, 3, 4, 5, 6], reader.Looks("main", DateTimeOffset.MinValue, DateTimeOffset.MaxValue).Looks.Select(look => look.Observation.At.TotalSeconds)); // pruned only now and then

        using (var recorder = new LookRecorder(directory, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, limit: 4))
            recorder.Saw("main", Looks.Outage(3, 7, Looks.Policy)[7], keep: true);
        Assert.Equal([4, 5, 6, 7], reader.Looks("main", DateTimeOffset.MinValue, DateTimeOffset.MaxValue).Looks.Select(look => look.Observation.At.TotalSeconds));
        Assert.Equal([5, 6], reader.Looks("main", Looks.Start.AddSeconds(5), Looks.Start.AddSeconds(6)).Looks.Select(look => look.Observation.At.TotalSeconds));
    }

    [Fact]
    public void Looks_are_bounded_by_their_size_one_by_one_and_together()
    {
        var look = Looks.Outage(3, 7, Looks.Policy)[4];
        var tooLong = look with { Events = [new WatchdogEvent(EventKind.VerdictChanged, new string('x', 200_000))] };
        using (var recorder = new LookRecorder(directory, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, mostKept: 1))
        {
            recorder.Saw("main", tooLong, keep: true);
            recorder.Saw("main", look, keep: true);
            recorder.Saw("other", look, keep: true);
        }
        using var _ = new SqliteJournal(directory);
        using var reader = new JournalReader(directory);
        Assert.Empty(reader.Looks("main", DateTimeOffset.MinValue, DateTimeOffset.MaxValue).Looks); // more than one byte
        using (var recorder = new LookRecorder(directory, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance))
        {
            for (var count = 0; count < 1_000; count++)
                recorder.Saw("main", look with { Events = [new WatchdogEvent(EventKind.VerdictChanged, new string('x', 50_000))] }, keep: true);
            recorder.Saw("main", tooLong, keep: true);
        }
        var kept = reader.Looks("main", DateTimeOffset.MinValue, DateTimeOffset.MaxValue).Looks;
        Assert.InRange(kept.Count, 10, 30); // 1 MiB at once, whatever waited
        Assert.All(kept, one => Assert.InRange(one.Events[0].Sentence.Length, 0, 50_000));
    }

    [Fact]
    public async Task Looks_that_cannot_be_kept_are_told_once_and_hold_nothing_up()
    {
        Directory.CreateDirectory(LookRecorder.FileIn(directory)); // a directory in the file's place
        var log = new Lines();
        using var recorder = new LookRecorder(directory, log);
        var look = Looks.Outage(3, 6, Looks.Policy)[4];
        for (var count = 0; count < 5000; count++)
            recorder.Saw("main", look, keep: true);
        await SetUpTests.EventuallyAsync(() => Task.FromResult(log.Told > 0), "it is told");
        Directory.Delete(LookRecorder.FileIn(directory));
        await SetUpTests.EventuallyAsync(() =>
        {
            recorder.Saw("main", look, keep: true);
            return Task.FromResult(log.Told > 1);
        }, "that they are kept again is told, too");
        Assert.Equal(2, log.Told);
    }

    [Fact]
    public void A_wish_is_there_for_the_next_check_and_survives_a_restart()
    {
        using (var journal = new SqliteJournal(directory))
        {
            journal.Append("main", Looks.Known with { LastFailover = Failover(7) }, []);
            Assert.Equal(OperatorWish.None, journal.Wish("main"));
            var person = new OperatorWishes(directory, TimeProvider.System);
            Assert.True(person.Pause("main", paused: true));
            Assert.False(person.Pause("main", paused: true));
            Assert.Equal(new OperatorWish(true, 0), journal.Wish("main"));
            Assert.Equal(7, person.Acknowledge("main"));
            Assert.Null(person.Acknowledge("main"));
            Assert.Equal(new OperatorWish(true, 7), journal.Wish("main"));
            Assert.Equal(OperatorWish.None, journal.Wish("other"));
        }
        using var again = new SqliteJournal(directory);
        Assert.Equal(new OperatorWish(true, 7), again.Wish("main"));
        Assert.True(new OperatorWishes(directory, TimeProvider.System).Pause("main", paused: false));
        Assert.Equal(new OperatorWish(false, 7), again.Wish("main"));
        Assert.Equal([EventKind.Resumed, EventKind.Acknowledged, EventKind.Paused], again.Recent("main", 10).Select(entry => entry.Kind));
        Assert.All(again.Recent("main", 10), entry => Assert.Contains(Environment.UserName, entry.Sentence, StringComparison.Ordinal));
    }

    /// <summary>The record changed while the operator read what would be done: that is not done.</summary>
    [Fact]
    public void Request_is_for_the_record_that_the_operator_saw()
    {
        using var journal = new SqliteJournal(directory);
        var person = new OperatorWishes(directory, TimeProvider.System);
        journal.Append("main", Looks.Known with { Epoch = 3, Other = new OtherWatchdog("3d2c1b0a", "alpha", "") }, []);
        Assert.Throws<JournalUnreadableException>(() => person.Adopt("main", "beta", epoch: 2));
        Assert.Throws<JournalUnreadableException>(() => person.TakeOver("main", owner: "11112222"));
        Assert.Equal((null, null), (journal.Wish("main").Adopt, journal.Wish("main").TakeOver));
        Assert.NotNull(person.Adopt("main", "beta", epoch: 3));
        Assert.NotNull(person.TakeOver("main", owner: "3d2c1b0a"));
        // The primary on record is named again only where the record is an old one.
        Assert.Null(person.Adopt("main", "alpha", epoch: 3));
        journal.Append("main", Looks.Known with { Epoch = 3, Later = new LaterEpoch(5, "beta", "beta") }, []);
        Assert.NotNull(person.Adopt("main", "alpha", epoch: 3));
    }

    [Fact]
    public void A_wish_that_cannot_be_read_is_as_it_was_known_last()
    {
        using var journal = new SqliteJournal(directory);
        journal.Append("main", Looks.Known, []);
        new OperatorWishes(directory, TimeProvider.System).Pause("main", paused: true);
        Assert.True(journal.Wish("main").Paused);
        Execute("DROP TABLE operator_wish");
        Assert.True(journal.Wish("main").Paused);
    }

    private static FinishedFailover Failover(long epoch) => new(epoch, "alpha", "beta", true, Looks.Start.AddSeconds(epoch), 0, Looks.Procedure);

    private static JournalEntry Event(int number) => new(Looks.Start.AddSeconds(number), EventKind.GatesChanged, $"{number}");

    private void Execute(string sql, params ReadOnlySpan<(string, object)> parameters)
    {
        using var connection = new SqliteConnection($"Data Source={SqliteJournal.FileIn(directory)};Pooling=false");
        connection.Open();
        connection.Execute(sql, parameters);
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private sealed record WatchdogListHolder(string Name, System.Collections.Immutable.ImmutableArray<string> Given)
    {
        public System.Collections.Immutable.ImmutableArray<string> Made { get; init; } = [];
    }

    /// <summary>Counts what is told.</summary>
    private sealed class Lines : Microsoft.Extensions.Logging.ILogger
    {
        private int told;

        public int Told => Volatile.Read(ref told);

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter) => Interlocked.Increment(ref told);
    }
}
