using System.CommandLine;
using PgReplWatchdog.Benchmarks;

var runs = new Option<int>("--runs") { Description = "Failovers to measure a case.", DefaultValueFactory = _ => 10 };
var only = new Option<string[]>("--case") { Description = "Only these: " + string.Join(", ", FailoverCase.All.Select(one => one.Name)), AllowMultipleArgumentsPerToken = true };
var failover = new Command("failover", "A fault until the first acknowledged write on the new primary, and the old one's way back. Fails where a run exceeds its limit.") { runs, only };
failover.SetAction((parsed, ct) => FailoverBenchmark.RunAsync(parsed.GetValue(runs), parsed.GetValue(only) ?? [], ct));

var checks = new Option<int>("--checks") { Description = "Checks to run, at ten a second.", DefaultValueFactory = _ => 3600 };
var check = new Command("check", "CPU and resident memory of the service over an hour's worth of checks.") { checks };
check.SetAction((parsed, ct) => CheckBenchmark.RunAsync(parsed.GetValue(checks), ct));

var seconds = new Option<double>("--seconds") { Description = "How long to measure each.", DefaultValueFactory = _ => 5 };
var decide = new Command("decide", "Decisions a minute on one core, healthy and in failover. No server takes part.") { seconds };
decide.SetAction(parsed => DecideBenchmark.Run(parsed.GetValue(seconds)));

var megabytes = new Option<int>("--megabytes") { Description = "Size of the database.", DefaultValueFactory = _ => 2048 };
var copies = new Option<int>("--runs") { Description = "Copies to measure of each kind.", DefaultValueFactory = _ => 5 };
var copy = new Command("copy", "Set-up's copy of a primary beside plain pg_basebackup and plain rsync.") { megabytes, copies };
copy.SetAction((parsed, ct) => CopyBenchmark.RunAsync(parsed.GetValue(megabytes), parsed.GetValue(copies), ct));

var setUps = new Option<int>("--runs") { Description = "Set-ups to measure.", DefaultValueFactory = _ => 3 };
var setup = new Command("setup", "Set-up of two bare nodes on booted hosts (root; PGWATCHDOG_HOST_BASE), and a plan of what is set up.") { setUps };
setup.SetAction((parsed, ct) => SetupBenchmark.RunAsync(parsed.GetValue(setUps), ct));

var watched = new Option<double>("--seconds") { Description = "How long to count late checks, with and without readers.", DefaultValueFactory = _ => 120 };
var page = new Command("page", "Time of a scrape and of a page, and how late checks start with 200 event streams open.") { watched };
page.SetAction((parsed, ct) => PageBenchmark.RunAsync(parsed.GetValue(watched), ct));

var all = new RootCommand("Measures on real servers. Keep the machine quiet.") { decide, failover, check, copy, setup, page };
all.SetAction(async (_, ct) =>
{
    DecideBenchmark.Run(5);
    var status = await FailoverBenchmark.RunAsync(10, [], ct);
    await CheckBenchmark.RunAsync(3600, ct);
    await CopyBenchmark.RunAsync(2048, 5, ct);
    await SetupBenchmark.RunAsync(3, ct);
    await PageBenchmark.RunAsync(120, ct);
    return status;
});
return await all.Parse(args).InvokeAsync();
