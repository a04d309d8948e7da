using System.Globalization;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Simulation;

// simulate SEEDS [FIRST]: many seeds on all cores.  simulate replay SEED: one, with all that happened.
// simulate hunt SEEDS [INVARIANT]: until the first violation, or the first one of that invariant.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["replay", var one])
{
    var told = Run.Of(int.Parse(one, CultureInfo.InvariantCulture), tracing: true, new WatchdogMetrics());
    Console.Write(told.Trace);
    Console.WriteLine(told.Violations.Count == 0 ? "no violation" : $"{told.Violations.Count} violation");
    return told.Violations.Count == 0 ? 0 : 1;
}
Func<Violation, bool>? until = args switch
{
    ["hunt", _] => _ => true,
    ["hunt", _, var invariant] => violation => violation.Invariant == invariant,
    _ => null,
};
var numbers = (until is null ? args : args[1..2]).Select(word => int.Parse(word, CultureInfo.InvariantCulture)).ToArray();
var seeds = numbers is [var count, ..] ? count : 1000;
var first = numbers is [_, var from, ..] ? from : 1;
return Fleet.Play(first, seeds, until) ? 0 : 1;
