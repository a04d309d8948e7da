using System.Globalization;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Simulation;

// simulate SEEDS [FIRST]: many seeds on all cores.  simulate replay SEED: one, with all that happened.  simulate hunt SEEDS: until the first violation.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["replay", var one])
{
    var told = Run.Of(int.Parse(one, CultureInfo.InvariantCulture), tracing: true, new WatchdogMetrics());
    Console.Write(told.Trace);
    Console.WriteLine(told.Violations.Count == 0 ? "no violation" : $"{told.Violations.Count} violation");
    return told.Violations.Count == 0 ? 0 : 1;
}
var hunts = args is ["hunt", ..];
var numbers = args.Where(word => word != "hunt").Select(word => int.Parse(word, CultureInfo.InvariantCulture)).ToArray();
var seeds = numbers is [var count, ..] ? count : 1000;
var first = numbers is [_, var from, ..] ? from : 1;
return Fleet.Play(first, seeds, hunts) ? 0 : 1;
