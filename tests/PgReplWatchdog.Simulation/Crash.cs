namespace PgReplWatchdog.Simulation;

/// <summary>The watchdog's process ends here; nothing after this line is done.</summary>
internal sealed class SimulatedCrashException : Exception;

/// <summary>Where between two steps of a check the watchdog's process ends, or stands still for a while.</summary>
internal sealed class Crash(World world)
{
    private int stepsUntilCrash = int.MaxValue, stepsUntilPause = int.MaxValue;
    private double pause;

    public void After(int steps) => stepsUntilCrash = steps;

    public void PauseAfter(int steps, double seconds) => (stepsUntilPause, pause) = (steps, seconds);

    public void Forget() => stepsUntilCrash = stepsUntilPause = int.MaxValue;

    /// <summary>Called before and after everything that the watchdog asks, does and records.</summary>
    public void Step()
    {
        if (stepsUntilPause != int.MaxValue && --stepsUntilPause < 0)
        {
            stepsUntilPause = int.MaxValue;
            world.Tell($"the watchdog stands still for {pause:0.0} s");
            world.IsWatchdogAway = true;
            world.Advance(pause);
            world.IsWatchdogAway = false;
        }
        if (stepsUntilCrash != int.MaxValue && --stepsUntilCrash < 0)
        {
            stepsUntilCrash = int.MaxValue;
            throw new SimulatedCrashException();
        }
    }
}
