namespace PgReplWatchdog.Simulation;

/// <summary>
/// I1 has an end where a whole host is paused while it is the primary, and goes on after another node was promoted: until its guard has run
/// (docs/decisions/0012).
/// </summary>
internal sealed partial class Truth
{
    /// <summary>What may be acknowledged where the host's clock shows the pause, seconds.</summary>
    private const double MostAfterPause = 0.1;

    /// <summary>A tick that sees the jump, one that finds that time is over, the kill, and the steps of this world.</summary>
    private static double TicksAndKill(Node node) => (2 * node.Guard.LongestTick / node.Guard.Rate) + Guard.LongestKill + 0.2;

    private readonly Pause?[] wentOn = new Pause?[Setting.MostNodes];
    private readonly double[] wentOnAt = new double[Setting.MostNodes];

    /// <summary>When the newest primary acknowledged its first write.</summary>
    private double newestSince;

    /// <summary>When the watchdog last asked each node to promote itself.</summary>
    private readonly double[] askedAt = new double[Setting.MostNodes];

    /// <summary>Its startup process hung then, for longer than a promotion that was taken back is waited for.</summary>
    private readonly bool[] hungWhenAsked = new bool[Setting.MostNodes];

    public void AskedToPromote(Node node) => (askedAt[node.Index], hungWhenAsked[node.Index]) = (world.Now, node.StuckUntil > world.Now + 7);

    /// <summary>
    /// The other one was asked during the pause, or by a look that began in it, and the promotion came about when the watchdog had taken it back: until the
    /// watchdog has stopped one of them. A startup process that hung meanwhile is later than anybody waits.
    /// </summary>
    private bool HasComeLate(Pause pause) => newestBy is { } other && askedAt[other.Index] > pause.From && askedAt[other.Index] < pause.Until + 1.5
        && (world.Now - newestSince < 1 || hungWhenAsked[other.Index]);

    public void WentOn(Node node, Pause pause) => (wentOn[node.Index], wentOnAt[node.Index]) = (pause, world.Now);

    /// <param name="node">The old primary.</param>
    /// <param name="step">A step of this world, in which its guard has not run yet.</param>
    private bool HasJustGoneOn(Node node, double step = 0)
    {
        var since = world.Now - wentOnAt[node.Index] - step;
        return wentOn[node.Index] is { } pause && pause switch
        {
            // Killed in that very moment it begins anew.
            { IsHidden: false } => since < MostAfterPause + 0.01 || (node.Guard.AwayUntil > wentOnAt[node.Index] && world.Now < node.Guard.AwayUntil + TicksAndKill(node)),
            // Shorter than what its guard takes for a pause: its lease lasts longer by as much.
            { Seconds: < Guard.ShortestHiddenPause } => world.Now - newestSince <= pause.Seconds && since < TimeToLive / node.Guard.Rate + TicksAndKill(node),
            _ => since < (Guard.PatienceOf(TimeToLive) / node.Guard.Rate) + TicksAndKill(node) || HasComeLate(pause),
        };
    }

    private double TimeToLive => Policy.GuardTimeToLive.TotalSeconds;
}
