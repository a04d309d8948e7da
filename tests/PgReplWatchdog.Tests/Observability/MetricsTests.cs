using System.Text;
using PgReplWatchdog.Acting;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Diagnosing;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Remembering;
using PgReplWatchdog.Tests.Operating;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>What a scrape shows of what a check found.</summary>
public sealed class MetricsTests
{
    private readonly WatchdogMetrics metrics = new();

    public MetricsTests() => metrics.Announce(Looks.Spec);

    [Fact]
    public void Before_the_first_check_nothing_is_ready_and_every_counter_is_there()
    {
        var scraped = Scraped.Of(metrics);
        Assert.Equal((0, 0), (scraped["failover_ready"], scraped["cluster_last_check_timestamp_seconds"]));
        string[] ofAnyCluster = ["pgwatchdog_build_info", "pgwatchdog_failover_step_duration_seconds", "pgwatchdog_command_duration_seconds"];
        foreach (var counter in metrics.All.Where(metric => metric.Type == "counter"))
        {
            var series = scraped.Series.Where(series => series.StartsWith(counter.Name + "{", StringComparison.Ordinal)).ToList();
            Assert.True(series.Count > 0, $"{counter.Name} is not there at 0");
            if (counter.Labels.Contains("cluster"))
                Assert.All(series, one => Assert.Contains("cluster=\"main\"", one, StringComparison.Ordinal));
        }
        Assert.All(ofAnyCluster, name => Assert.Contains(scraped.Series, series => series.StartsWith(name, StringComparison.Ordinal)));
        Assert.Equal(0, scraped["refusals_total{gate=\"OldPrimaryNotFenced\"}"]);
        Assert.Equal(0, scraped["decisions_total{action=\"Promote\"}"]);
        Assert.Equal(0, scraped["events_total{kind=\"FailoverNotBegun\"}"]);
    }

    [Fact]
    public void Everything_that_the_watchdog_tells_is_counted()
    {
        metrics.PublishEvent(Looks.Spec, EventKind.FailoverNotBegun);
        metrics.PublishOutcome(Looks.Spec, new WatchdogAction.Fence("alpha"), new ActionOutcome(false, "", TimeSpan.FromSeconds(1)));
        metrics.PublishDelay(Looks.Spec, TimeSpan.FromSeconds(2.9));
        metrics.PublishDelay(Looks.Spec, TimeSpan.FromSeconds(-0.1));
        metrics.PublishError(Looks.Spec);
        var scraped = Scraped.Of(metrics);
        Assert.Equal(1, scraped["events_total{kind=\"FailoverNotBegun\"}"]);
        Assert.Equal(1, scraped["commands_total{action=\"Fence\",result=\"failed\"}"]);
        Assert.Equal((2, 1), (scraped["schedule_missed_ticks_total"], scraped["errors_total"]));
    }

    [Fact]
    public void Where_the_primary_is_silent_its_figures_and_lag_go_and_the_last_answer_stays()
    {
        Publish(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby(behind: 500)));
        var before = Scraped.Of(metrics);
        Assert.Equal(500, before["replication_lag_bytes{node=\"beta\",stage=\"replay\"}"]);
        Assert.Equal(0, before["replication_lag_bytes{node=\"beta\",stage=\"receive\"}"]);
        Assert.Equal(1, before["node_info{node=\"alpha\",host=\"192.0.2.1\",port=\"5432\",server_version=\"15.18\"}"]);

        Publish(Looks.Check(Looks.Known, Looks.Gone(), Looks.Standby(streams: false)));
        var after = Scraped.Of(metrics);
        string[] gone = ["replication_lag_bytes", "replication_lag_seconds", "replication_state", "cluster_streaming_standbys", "node_wal_current_lsn_bytes", "node_start_timestamp_seconds{cluster=\"main\",node=\"alpha\""];
        Assert.All(gone, name => Assert.DoesNotContain(after.Series, series => series.StartsWith($"pgwatchdog_{name}", StringComparison.Ordinal)));
        Assert.Equal(0, after["replication_lag_known{node=\"beta\"}"]);
        Assert.Equal(before["node_last_answer_timestamp_seconds{node=\"alpha\"}"], after["node_last_answer_timestamp_seconds{node=\"alpha\"}"]);
        Assert.Equal(1, after["node_info{node=\"alpha\",host=\"192.0.2.1\",port=\"5432\",server_version=\"15.18\"}"]);
        Assert.Equal(1, after["cluster_primary_info{node=\"alpha\"}"]); // who is to be primary, not who answers
    }

    [Fact]
    public void A_slot_that_is_dropped_goes()
    {
        Publish(Looks.Check(Looks.Known, WithSlots(Slot("one"), Slot("two")), Looks.Standby()));
        Assert.Equal(0x1000, Scraped.Of(metrics)["replication_slot_retained_wal_bytes{node=\"alpha\",slot=\"two\"}"]);
        Publish(Looks.Check(Looks.Known, WithSlots(Slot("one")), Looks.Standby()));
        var scraped = Scraped.Of(metrics);
        Assert.DoesNotContain(scraped.Series, series => series.Contains("slot=\"two\"", StringComparison.Ordinal));
        Assert.Equal(1, scraped["replication_slot_wal_status{node=\"alpha\",slot=\"one\",wal_status=\"extended\"}"]);
        Assert.Equal(1, scraped["replication_slots{node=\"alpha\"}"]);
    }

    [Fact]
    public void What_a_server_calls_things_becomes_no_label_unless_PostgreSQL_would_call_it_so()
    {
        const string Hostile = "x\"} 1\npgwatchdog_failover_ready{cluster=\"main\"} 1\n# <script>";
        var many = Enumerable.Range(0, 5000).Select(number => Slot($"s{number}"));
        var primary = WithSlots([Slot(Hostile), Slot(""), Slot(new string('a', 64)), Slot("Ünïcode"), .. many, Slot("one", status: Hostile)]);
        primary = primary with { Server = primary.Server! with { WalSenders = [new WalSender(Hostile, Hostile, Hostile, null, null, null), new WalSender("beta", Hostile, Hostile, null, null, null)] } };
        Publish(Looks.Check(Looks.Known, primary, Looks.Standby() with { Detail = Hostile }));
        var scraped = Scraped.Of(metrics);
        Assert.DoesNotContain("script", scraped.Text, StringComparison.Ordinal);
        Assert.Equal(64, scraped.Series.Count(series => series.StartsWith("pgwatchdog_replication_slot_active", StringComparison.Ordinal)));
        Assert.Equal(5005, scraped["replication_slots{node=\"alpha\"}"]);
        Assert.Equal(1, scraped["replication_state{node=\"beta\",state=\"other\"}"]);
    }

    [Fact]
    public void The_last_failover_is_shown_from_the_record_and_its_steps_add_up_to_the_downtime()
    {
        Publish(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby()));
        var never = Scraped.Of(metrics);
        Assert.Equal((0, 0), (never["failover_last_start_timestamp_seconds"], never["failover_last_end_timestamp_seconds"]));
        Assert.DoesNotContain(never.Series, series => series.StartsWith("pgwatchdog_failover_last_info", StringComparison.Ordinal));

        var ended = Looks.Start.AddSeconds(4);
        var last = new FinishedFailover(2, "alpha", "beta", true, ended, 128, Looks.Procedure with { Phases = [.. Looks.Procedure.Phases, new(ProcedureStep.HookAfter, ended)] });
        var known = Looks.Known with { IntendedPrimary = "beta", Epoch = 2, LastFailover = last };
        Publish(Looks.Check(known, Looks.Standby("alpha"), Looks.Primary("beta")));
        var scraped = Scraped.Of(metrics);
        Assert.Equal(1, scraped["failover_last_info{epoch=\"2\",from_node=\"alpha\",to_node=\"beta\",result=\"succeeded\",verdict=\"Crashed\",fenced_by=\"Ssh\"}"]);
        Assert.Equal((128, 256, 256), (scraped["failover_last_estimated_loss_bytes"], scraped["failover_last_expected_loss_bytes"], scraped["failover_last_salvaged_bytes"]));
        Assert.Equal((2, 0.5, 0.5, 0, 1), (Step("Detect"), Step("Fence"), Step("Freeze"), Step("Salvage"), Step("Promote")));
        Assert.Equal(4, scraped["failover_last_downtime_seconds"]);
        Assert.Equal(ended.ToUnixTimeSeconds(), scraped["failover_last_end_timestamp_seconds"]);
        Assert.Equal(0, scraped["failovers_total{result=\"succeeded\"}"]); // it was none of this process

        Publish(Looks.Check(known with { LastFailover = last with { Epoch = 3, EstimatedLossBytes = null } }, Looks.Standby("alpha"), Looks.Primary("beta")));
        Assert.Single(Scraped.Of(metrics).Series, series => series.StartsWith("pgwatchdog_failover_last_info", StringComparison.Ordinal));
        Assert.False(Scraped.Of(metrics).Has("failover_last_estimated_loss_bytes"));

        double Step(string step) => scraped[$"failover_last_step_duration_seconds{{step=\"{step}\"}}"];
    }

    [Fact]
    public void A_look_that_could_have_led_to_a_failover_counts_with_the_gates_that_kept_it()
    {
        var down = Looks.Check(Looks.Known, Looks.Gone(), Looks.Standby(streams: false));
        var failed = down with { Decision = down.Decision with { Diagnosis = down.Decision.Diagnosis with { Verdict = Verdict.Down } } };
        Publish(Shut(failed, Gate.ThresholdNotReached, Gate.AutomaticOff)); // not yet
        Publish(Shut(failed, Gate.AutomaticOff, Gate.NoCandidate, Gate.CandidateTimeline, Gate.CandidateTimeline)); // of two standbys
        Publish(Shut(failed, Gate.AutomaticOff));
        Publish(Shut(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby()), Gate.AutomaticOff)); // it serves
        var scraped = Scraped.Of(metrics);
        Assert.Equal((2, 1, 0), (scraped["refusals_total{gate=\"AutomaticOff\"}"], scraped["refusals_total{gate=\"CandidateTimeline\"}"], scraped["refusals_total{gate=\"Paused\"}"]));
        Assert.Equal(3, scraped["probes_total{node=\"alpha\",probe=\"sql\",reach=\"Unreachable\"}"]);
        Assert.Equal(4, scraped["decisions_total{action=\"None\"}"]);

        static Checked Shut(Checked look, params Gate[] gates) =>
            look with { Decision = look.Decision with { Action = WatchdogAction.Nothing, Memory = Looks.Known, Gates = [.. gates.Select(gate => new ShutGate(gate, null, ""))] } };
    }

    [Fact]
    public void A_host_that_was_not_asked_again_has_answered_once()
    {
        var look = Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby());
        foreach (var at in new[] { 1, 1, 1, 11 })
            Publish(look with { Observation = look.Observation with { Hosts = [new HostObservation("beta", HostReach.Failed, "", TimeSpan.FromSeconds(at))] } });
        Assert.Equal(2, Scraped.Of(metrics)["probes_total{node=\"beta\",probe=\"ssh\",reach=\"Failed\"}"]);
    }

    [Fact]
    public void A_failover_that_was_taken_back_is_counted_once()
    {
        var quiet = Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby());
        foreach (var procedure in new[] { Looks.Procedure, Looks.Procedure with { Step = ProcedureStep.Withdraw }, Looks.Procedure with { Step = ProcedureStep.Withdraw }, null, null })
            Publish(quiet with { Decision = quiet.Decision with { Memory = quiet.Decision.Memory with { Procedure = procedure } } });
        Assert.Equal(1, Scraped.Of(metrics)["failovers_total{result=\"withdrawn\"}"]);
    }

    [Fact]
    public async Task A_scrape_never_sees_half_a_check()
    {
        var healthy = Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby());
        var dead = Looks.Check(Looks.Known, Looks.Gone(), Looks.Standby(streams: false));
        Publish(healthy);
        using var over = new CancellationTokenSource();
        var checking = Task.Run(() =>
        {
            while (!over.IsCancellationRequested)
            {
                Publish(dead);
                Publish(healthy);
            }
        }, TestContext.Current.CancellationToken);
        for (var scrape = 0; scrape < 50; scrape++)
        {
            var scraped = Scraped.Of(metrics);
            var serves = scraped["node_reach{node=\"alpha\",reach=\"Serving\"}"] == 1;
            Assert.Equal(serves, scraped["cluster_primaries"] == 1);
            Assert.Equal(serves, scraped["replication_lag_known{node=\"beta\"}"] == 1);
            Assert.Equal(serves, scraped.Has("node_timeline{node=\"alpha\"}"));
            Assert.True(scraped["probes_total{node=\"alpha\",probe=\"sql\",reach=\"Serving\"}"] - scraped["probes_total{node=\"alpha\",probe=\"sql\",reach=\"Unreachable\"}"] == (serves ? 1 : 0));
        }
        await over.CancelAsync();
        await checking;
    }

    [Fact]
    public void Whoever_asks_again_before_anything_has_happened_gets_the_same_answer()
    {
        Publish(Looks.Check(Looks.Known, Looks.Primary(), Looks.Standby()));
        Assert.Same(metrics.Scrape(), metrics.Scrape());
    }

    [Fact]
    public async Task Promtool_has_nothing_to_say_about_them()
    {
        Publish(Looks.Check(Looks.Known, WithSlots(Slot("one")), Looks.Standby()));
        metrics.PublishDrift(Looks.Spec, 0);
        Assert.Equal("", await Promtool.RequireAsync(["check", "metrics"], Encoding.UTF8.GetString(metrics.Scrape())));
    }

    private void Publish(Checked look) => metrics.Publish(Looks.Spec, look.Observation, look.Decision, TimeSpan.FromMilliseconds(1));

    private static NodeObservation WithSlots(params ReplicationSlot[] slots)
    {
        var primary = Looks.Primary();
        return primary with { Server = primary.Server! with { Slots = [.. slots] } };
    }

    private static ReplicationSlot Slot(string name, string status = "extended") => new(name, true, status, new Lsn(0x3000000 - 0x1000));
}
