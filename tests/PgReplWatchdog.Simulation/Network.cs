namespace PgReplWatchdog.Simulation;

/// <summary>Every direction between any two parties: up with a delay, or down. The last parties are the hosts of the watchdog and of a second one.</summary>
internal sealed class Network(int parties)
{
    /// <summary>For how long a connection whose way back is cut still delivers: what fits the window is sent without an answer.</summary>
    private const double WindowSeconds = 2;
    private const double OrdinaryDelay = 0.001;

    private readonly double[] downUntil = new double[parties * parties];
    private readonly double[] downSince = new double[parties * parties];
    private readonly double[] slowUntil = new double[parties * parties];
    private readonly double[] slowBy = new double[parties * parties];

    public int Parties => parties;

    /// <summary>The reference addresses are out of the watchdog's reach until then.</summary>
    public double ReferencesDownUntil { get; set; }

    public bool IsUp(int from, int to, double now) => now >= downUntil[(from * parties) + to];

    public bool BothUp(int one, int other, double now) => IsUp(one, other, now) && IsUp(other, one, now);

    public double Delay(int from, int to, double now) => now < slowUntil[(from * parties) + to] ? slowBy[(from * parties) + to] : OrdinaryDelay;

    public double RoundTrip(int one, int other, double now) => Delay(one, other, now) + Delay(other, one, now);

    /// <summary>Whether an open connection delivers from one to the other.</summary>
    public bool Delivers(int from, int to, double now) =>
        IsUp(from, to, now) && (IsUp(to, from, now) || now - downSince[(to * parties) + from] < WindowSeconds);

    public void Cut(int from, int to, double now, double until)
    {
        var link = (from * parties) + to;
        if (now >= downUntil[link])
            downSince[link] = now;
        downUntil[link] = Math.Max(downUntil[link], until);
    }

    public void Slow(int from, int to, double delay, double until)
    {
        slowBy[(from * parties) + to] = delay;
        slowUntil[(from * parties) + to] = until;
    }

    public void Heal()
    {
        Array.Clear(downUntil);
        Array.Clear(slowUntil);
        ReferencesDownUntil = 0;
    }
}
