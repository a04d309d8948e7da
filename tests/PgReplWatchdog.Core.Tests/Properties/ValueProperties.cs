using CsCheck;
using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Properties;

public class ValueProperties
{
    private const int Many = 3000;
    private const int Some = 300;

    private static readonly Gen<Lsn> Lsns = Gen.OneOf(Gen.ULong, Gen.ULong[0, 0x1_00000100]).Select(value => new Lsn(value));

    [Fact]
    public void Lsn_reads_what_it_wrote() => Lsns.Hold(Many, lsn => Assert.Equal(lsn, Lsn.Parse(lsn.ToString())));

    [Fact]
    public void Text_is_an_lsn_or_a_format_error_and_nothing_else() => Gen.Char["0129aAfFgG/x -"].Array[0, 20].Hold(Many, text =>
    {
        try
        {
            Lsn.Parse(new string(text));
        }
        catch (FormatException)
        {
        }
    });

    [Fact]
    public void Bytes_lead_from_one_position_to_the_other() => Gen.Select(Gen.ULong[0, long.MaxValue], Gen.ULong[0, long.MaxValue]).Hold(Many, pair =>
    {
        var (one, other) = pair;
        var (now, earlier) = (new Lsn(Math.Max(one, other)), new Lsn(Math.Min(one, other)));
        Assert.Equal(now, new Lsn(earlier.Value + (ulong)now.BytesSince(earlier)));
        Assert.Equal(0, earlier.BytesSince(now));
    });

    [Fact]
    public void Bytes_are_never_negative() =>
        Gen.Select(Lsns, Lsns).Hold(Many, pair => Assert.True(pair.Item1.BytesSince(pair.Item2) >= 0));

    private static readonly Gen<PrimaryTrail> Trails = Gen.Select(Gen.Double[0.1, 3], Gen.ULong[0, 1000]).Array[1, 700].Select(steps =>
        steps.Aggregate((Trail: PrimaryTrail.Empty, At: 0d, Lsn: 1000UL), (state, step) =>
            (state.Trail.Add(Seconds(state.At + step.Item1), new Lsn(state.Lsn + step.Item2)), state.At + step.Item1, state.Lsn + step.Item2)).Trail);

    [Fact]
    public void Position_further_back_was_passed_no_later() => Gen.Select(Trails, Gen.ULong[0, 400_000], Gen.ULong[0, 1000]).Hold(Some, sample =>
    {
        var (trail, position, further) = sample;
        var now = Seconds(10_000);
        var (back, ahead) = (trail.TimeSincePassed(new Lsn(position), now)!.Value, trail.TimeSincePassed(new Lsn(position + further), now)!.Value);
        Assert.True(back >= ahead, $"{back} < {ahead}");
        Assert.InRange(ahead, TimeSpan.Zero, now);
    });

    [Fact]
    public void Time_that_passes_makes_a_position_older_by_just_that() => Gen.Select(Trails, Gen.Double[0, 100]).Hold(Some, sample =>
    {
        var (trail, passed) = sample;
        var position = new Lsn(trail.Newest!.Value.Value - 1);
        var before = trail.TimeSincePassed(position, Seconds(10_000))!.Value;
        var after = trail.TimeSincePassed(position, Seconds(10_000) + Seconds(passed))!.Value;
        Assert.Equal(Seconds(passed), after - before);
    });

    /// <summary>I7: whatever a host answers, a decision comes out, and garbage promotes nobody.</summary>
    [Fact]
    public void Garbage_makes_no_decision_fail() => Gen.Select(Garbage(Alpha), Garbage(Beta), Garbled, Gen.Double[0, 1e6], Gen.Int[0, 2]).Hold(Many, sample =>
    {
        var (alpha, beta, host, at, known) = sample;
        var watch = new Watch(Two(), known switch { 0 => ClusterMemory.Empty, 1 => Known, _ => UnderWay(ProcedureStep.Fence) });
        var decision = watch.Look(At(at, alpha, beta).With(host));
        Assert.IsNotType<WatchdogAction.Promote>(decision.Action);
        Assert.NotEmpty(Changes.Between(null, decision));
    });

    private static readonly Gen<HostObservation> Garbled = Gen.Select(
        Gen.Enum<HostReach>(), Gen.Bool, Gen.Int[-1, 3], Gen.OneOf(Gen.Const(""), Gen.Const("in production"), Gen.Const("shut down"), Gen.Const("\0")), Gen.Enum<PortAnswer>(), Gen.Bool, Gen.Long,
        (reach, runs, processes, state, local, blocked, epoch) => HostUp(Alpha) with
        {
            Reach = reach,
            PostmasterRuns = runs,
            Processes = processes < 0 ? null : processes,
            ControlState = state.Length == 0 ? null : state,
            LocalAnswer = local,
            StartBlocked = blocked,
            Job = new HostJob(epoch, runs, processes, state),
        });

    private static Gen<NodeObservation> Garbage(string node) => Gen.Select(
        Gen.Enum<Reach>(), Gen.Bool, Gen.Enum<Role>(), Gen.ULong, Gen.UInt, Gen.OneOf(Gen.Const((Lsn?)null), Lsns.Select(lsn => (Lsn?)lsn)), Gen.Double[-1e9, 1e9],
        (reach, serves, role, system, timeline, lsn, age) => new NodeObservation(node, reach, "", !serves ? null : new ServerFacts
        {
            Role = role,
            SystemIdentifier = system,
            VersionNumber = 150018,
            Timeline = timeline,
            CurrentLsn = lsn,
            ReceivedLsn = lsn,
            WalReceiver = new WalReceiver(age > 0 ? "streaming" : "", age > 9.9e8 ? TimeSpan.MinValue : TimeSpan.FromSeconds(age)),
        }));
}
