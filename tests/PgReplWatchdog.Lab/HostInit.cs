using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>Runs things inside a host, by way of its init (see <see cref="InitScript"/>).</summary>
internal sealed class HostInit : IDisposable
{
    private readonly LabHost host;
    private readonly string jobs;
    private readonly Process process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<int>> running = new();
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock writing = new();
    private int last;

    private HostInit(LabHost host, string jobs, Process process)
    {
        this.host = host;
        this.jobs = jobs;
        this.process = process;
    }

    /// <summary>The init's process number; everything that runs on the host is below it.</summary>
    public int Pid => process.Id;

    public static async Task<HostInit> StartAsync(LabHost host, IReadOnlyList<string> prefix, CancellationToken ct)
    {
        var jobs = Path.Combine(host.Directory, "jobs");
        var script = Path.Combine(host.Directory, "init.pl");
        await host.WriteFileAsync(script, InitScript.Text, ct);
        // The prefixes replace themselves by what they start, so the process number is that of the init. A session of
        // its own: Ctrl-C is for the test process, and the hosts must outlive it until the reaper comes.
        var info = new ProcessStartInfo(Programs.Find("setsid"), [.. prefix, Programs.Find("perl"), script, jobs])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = "/",
        };
        SetEnvironment(info.Environment, host);
        var process = Process.Start(info) ?? throw new LabException($"cannot start host {host.Name}");
        var init = new HostInit(host, jobs, process);
        _ = init.ListenAsync();
        await Wait.UntilAsync(() => init.ready.Task.IsCompleted, $"the init of host {host.Name} starts", TimeSpan.FromSeconds(10), ct);
        await init.ready.Task;
        return init;
    }

    /// <summary>Runs a shell script on the host to its end, or kills it when it must not go on.</summary>
    /// <param name="script">What to run.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="deadline">How long it may take.</param>
    /// <param name="ct">Ends the waiting.</param>
    /// <param name="abandon">Leaves it alone instead of killing it with its process group.</param>
    public async Task<CommandResult> RunAsync(
        string script, string? input, TimeSpan deadline, CancellationToken ct, bool abandon = false)
    {
        var (number, ended) = await BeginAsync(script, input, ct);
        try
        {
            var exitCode = await ended.WaitAsync(deadline, ct);
            return new CommandResult(
                exitCode, await File.ReadAllTextAsync(JobFile(number, "out"), ct), await File.ReadAllTextAsync(JobFile(number, "err"), ct));
        }
        catch (Exception problem) when (problem is OperationCanceledException or TimeoutException)
        {
            if (!abandon)
                Send($"kill {number}");
            if (problem is OperationCanceledException)
                throw;
            throw new LabException(
                $"on {host.Name} this did not end within {deadline.TotalSeconds:0} s: {script}{LogTail.Of(JobFile(number, "err"))}");
        }
        finally
        {
            Forget(number);
        }
    }

    /// <summary>Starts something that stays; the inner task ends with it and tells its exit status.</summary>
    public async Task<Task<int>> StartAsync(string script, CancellationToken ct)
    {
        var (number, ended) = await BeginAsync(script, null, ct);
        _ = ended.ContinueWith(_ => Forget(number), TaskScheduler.Default);
        return ended;
    }

    public void Dispose() => process.Dispose();

    // What the product sees on a real machine, and nothing of the caller's environment.
    private static void SetEnvironment(IDictionary<string, string?> environment, LabHost host)
    {
        environment.Clear();
        environment["PATH"] = Programs.HostPath;
        environment["HOME"] = host.HomeDirectory;
        environment["USER"] = environment["LOGNAME"] = host.SshUser;
        environment["LANG"] = "C.UTF-8";
        environment["PGWATCHDOG_LAB"] = host.LabId;
        environment["PGWATCHDOG_INIT"] = "1";
    }

    private async Task<(int Number, Task<int> Ended)> BeginAsync(string script, string? input, CancellationToken ct)
    {
        var number = Interlocked.Increment(ref last);
        await host.WriteFileAsync(JobFile(number, "sh"), script, ct);
        await host.WriteFileAsync(JobFile(number, "in"), input, ct);
        var end = running[number] = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        Send($"run {number}");
        return (number, end.Task);
    }

    private void Send(string line)
    {
        try
        {
            lock (writing)
            {
                process.StandardInput.Write(line + "\n");
                process.StandardInput.Flush();
            }
        }
        catch (Exception problem) when (problem is IOException or InvalidOperationException)
        {
            throw new LabException($"host {host.Name} does not exist any more", problem);
        }
    }

    private async Task ListenAsync()
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            var words = line.Split(' ');
            if (words[0] == "ready")
                ready.TrySetResult();
            else if (running.TryRemove(int.Parse(words[1], CultureInfo.InvariantCulture), out var end))
                end.TrySetResult(int.Parse(words[2], CultureInfo.InvariantCulture));
        }

        var gone = new LabException($"the init of host {host.Name} ended{LogTail.Of(Path.Combine(jobs, "init.log"))}");
        ready.TrySetException(gone);
        foreach (var end in running.Values)
            end.TrySetException(gone);
    }

    private string JobFile(int number, string kind) => Path.Combine(jobs, string.Create(CultureInfo.InvariantCulture, $"{number}.{kind}"));

    private void Forget(int number)
    {
        try
        {
            foreach (var kind in (string[])["sh", "in", "out", "err"])
                File.Delete(JobFile(number, kind));
        }
        catch (DirectoryNotFoundException)
        {
            // When the lab goes, the reaper may have been faster.
        }
    }
}
