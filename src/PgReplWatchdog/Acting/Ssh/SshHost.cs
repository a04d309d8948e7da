using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Configuration;
using Renci.SshNet;
using Renci.SshNet.Common;
using Renci.SshNet.Messages.Transport;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>What a command on a host came to. No exit status means cut off or killed: neither success nor failure.</summary>
public sealed record SshResult(int? ExitStatus, string Output, string Error);

/// <summary>
/// Runs shell commands on one host: key authentication, a pinned host key, a deadline on everything. The connection is kept
/// between commands and opened again when it broke. An answer is bounded (<see cref="Wire"/>), and it begins where the script
/// does: what a login shell prints before that is none. Whatever a host does is an <see cref="SshFailureException"/>.
/// </summary>
/// <param name="cluster">Of the host.</param>
/// <param name="host">Where it is.</param>
/// <param name="keyFile">The private key.</param>
public sealed class SshHost(ClusterAccess cluster, HostAccess host, string keyFile) : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>For a deadline that the library keeps by itself.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Bytes of an answer on each of standard output and standard error, where the caller asks for no more.</summary>
    public const int AnswerLimit = 64 * 1024;

    /// <summary>Bytes of a key exchange and a login.</summary>
    private const int LoginLimit = 64 * 1024;

    /// <summary>Of what is asked for, what the protocol adds in packets and window adjustments.</summary>
    private const int OverheadShare = 8;

    private const int FrameBytes = 16;

    /// <summary>For the library's goodbye.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(1);

    private const int ShownOfGreeting = 100;

    /// <summary>Two clocks go apart by seconds a day, and a connection is kept for weeks.</summary>
    private static readonly TimeSpan ClockAge = TimeSpan.FromMinutes(1);

    private readonly string user = cluster.SshUser;

    private readonly SemaphoreSlim connecting = new(1, 1);
    private Connection? client;

    public HostAccess Host => host;

    /// <summary>The login may be another account than PostgreSQL's.</summary>
    private string AsServer(HostScript script, string frame, long deadline)
    {
        var become = user == cluster.ServerAccount ? "" : user == "root" ? $"runuser -u {cluster.ServerAccount} -- " : $"sudo -n -u {cluster.ServerAccount} ";
        var text = Shell.Quote($"echo {frame}; echo {frame} >&2\n{HostClock.Guarded(script, deadline)}");
        return $"{script.Request(frame, deadline)}cd / && exec {become}/bin/sh -c {text} sh \"${{SSH_CONNECTION%% *}}\"";
    }

    /// <summary>
    /// Runs a POSIX shell script as PostgreSQL's account, with the watchdog's address as the host sees it in $1.
    /// <paramref name="input"/>, where there is any, goes to its standard input, so that a secret is on no command line. Returns or throws
    /// within <paramref name="timeout"/>.
    /// </summary>
    /// <exception cref="SshFailureException">The host could not be reached, or the deadline passed.</exception>
    public Task<SshResult> RunAsync(HostScript script, TimeSpan timeout, CancellationToken cancellation, string? input = null, Encoding? encoding = null,
        int limit = AnswerLimit)
    {
        ArgumentNullException.ThrowIfNull(script);
        return RunFedAsync(script, timeout, (input ?? script.Input) is not { } given ? null : (stream, deadline) => stream.WriteAsync((encoding ?? Encoding.UTF8).GetBytes(given), deadline).AsTask(),
            encoding, limit, cancellation);
    }

    /// <summary>The script's standard input ends when <paramref name="until"/> does, or this process, or the connection: so it can undo what must not outlive them.</summary>
    public Task<SshResult> RunUntilAsync(string script, Task until, TimeSpan timeout, CancellationToken cancellation) =>
        RunFedAsync(script, timeout, async (stream, deadline) =>
        {
            await until.WaitAsync(deadline);
            await stream.WriteAsync("\n"u8.ToArray(), deadline); // the library ends an input only if something was written to it
        }, null, AnswerLimit, cancellation);

    private async Task<SshResult> RunFedAsync(
        HostScript script, TimeSpan timeout, Func<Stream, CancellationToken, Task>? feed, Encoding? encoding, int limit, CancellationToken cancellation)
    {
        var running = ExecuteAsync(script, timeout, feed, encoding ?? Encoding.UTF8, limit, cancellation);
        try
        {
            return await running.WaitAsync(timeout + Grace, cancellation);
        }
        catch (TimeoutException)
        {
            _ = running.ContinueWith(static late => late.Exception, TaskScheduler.Default); // told now; what it comes to does not count any more
            Drop(client);
            throw TimedOut(timeout);
        }
    }

    private async Task<SshResult> ExecuteAsync(
        HostScript script, TimeSpan timeout, Func<Stream, CancellationToken, Task>? feed, Encoding encoding, int limit, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        var until = Stopwatch.GetTimestamp() + (long)(timeout.TotalSeconds * Stopwatch.Frequency);
        Connection? connected = null;
        SshCommand? command = null;
        try
        {
            connected = await ConnectAsync(deadline.Token, cancellation);
            using var asked = connected.Wire.Ask((2L * limit) + (limit / OverheadShare));
            var frame = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(FrameBytes));
            command = connected.Client.CreateCommand(AsServer(script, frame, connected.Clock.Deadline(until)), encoding);
            var running = await BeginAsync(command, deadline.Token);
            if (feed is not null)
            {
                await using var standardInput = command.CreateInputStream();
                await feed(standardInput, deadline.Token);
            }
            if (await Task.WhenAny(running, connected.Wire.Ended) != running)
                throw new IOException("it has ended");
            await running;
            if (command.ExitStatus != HostClock.TooLate)
                return Within(command, frame, encoding, limit);
            Drop(connected); // in time here and too late there: the host's clock has jumped, and is read anew
            throw new SshFailureException(SshFailureKind.TimedOut, $"{host.Node.Name}: {After(command.Error, frame)?.Trim()}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            Drop(connected); // a connection into silence looks open for a quarter of an hour
            throw TimedOut(timeout);
        }
        // Whatever a host makes of the library is an answer: it throws what its reader throws.
        catch (Exception failure) when (failure is not (SshFailureException or OperationCanceledException))
        {
            var why = (connected?.Wire.Failure ?? failure) switch
            {
                TooMuchSaidException said => said.Message,
                SshException or SocketException or IOException or ObjectDisposedException => failure.Message,
                _ => $"the answer cannot be understood: {failure.GetType().Name}, {failure.Message}",
            };
            Drop(connected);
            throw new SshFailureException(SshFailureKind.CutOff, $"{host.Node.Name}: the SSH connection broke ({why})", failure);
        }
        finally
        {
            if (command is not null)
                _ = OnOwnThread(command.Dispose);
        }
    }

    /// <exception cref="SshFailureException">There is no answer, or too much of one.</exception>
    private SshResult Within(SshCommand command, string frame, Encoding encoding, int limit)
    {
        var (output, error) = (command.Result, command.Error);
        if (After(output, frame) is not { } answer)
        {
            // Sudo, or the login shell, has said why.
            throw command.ExitStatus is { } status and not 0 ? Failed(new SshResult(status, output, error)) : new SshFailureException(SshFailureKind.CommandFailed,
                $"{host.Node.Name}: the script was not run: the login shell of {user} ran something else, which printed \"{Sentence.Of($"{output}{error}".Trim(), ShownOfGreeting)}\"; "
                + "let that account run commands over SSH (its login shell, sshd's ForceCommand)");
        }
        if (encoding.GetByteCount(answer) > limit)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{host.Node.Name}: the answer has more than {limit / 1024} KiB");
        return new SshResult(command.ExitStatus, answer, After(error, frame) ?? error);
    }

    /// <summary>What the script printed itself; null where it was never begun.</summary>
    private static string? After(string said, string frame)
    {
        var at = said.IndexOf(frame + '\n', StringComparison.Ordinal);
        return at < 0 ? null : said[(at + frame.Length + 1)..];
    }

    private SshFailureException TimedOut(TimeSpan timeout) =>
        new(SshFailureKind.TimedOut, $"{host.Node.Name}: the host did not finish a command within {timeout.TotalSeconds:0.##} s");

    /// <summary>As <see cref="RunAsync"/>, but anything other than exit status 0 is a failure, told with what the command said.</summary>
    public async Task<string> RequireAsync(HostScript script, TimeSpan timeout, CancellationToken cancellation, string? input = null, Encoding? encoding = null,
        int limit = AnswerLimit)
    {
        var result = await RunAsync(script, timeout, cancellation, input, encoding, limit);
        return result.ExitStatus == 0 ? result.Output : throw Failed(result);
    }

    private SshFailureException Failed(SshResult result)
    {
        var status = result.ExitStatus?.ToString(CultureInfo.InvariantCulture) ?? "no exit status";
        var said = $"{result.Error.Trim()}\n{result.Output.Trim()}".Trim();
        if (said.StartsWith("sudo: ", StringComparison.Ordinal))
            said += $"; {user} must be allowed to become {cluster.ServerAccount}, and that one to manage its service, without a password: "
                + "pgwatchdog config host CLUSTER NODE prints what to do as root";
        return new SshFailureException(SshFailureKind.CommandFailed, $"{host.Node.Name}: {(said.Length > 0 ? said : $"a command ended with {status}")}");
    }

    private async Task<Connection> ConnectAsync(CancellationToken deadline, CancellationToken cancellation)
    {
        await connecting.WaitAsync(deadline);
        try
        {
            if (client is { Client.IsConnected: true } kept)
            {
                if (Stopwatch.GetElapsedTime(kept.Clock.AskedAt) <= ClockAge)
                    return kept;
                try
                {
                    kept.Clock = await ReadClockAsync(kept.Client, kept.Wire, deadline);
                    return kept;
                }
                catch
                {
                    Drop(kept);
                    throw;
                }
            }
            Drop(client);
            client = await OpenAsync(deadline, cancellation);
            return client;
        }
        finally
        {
            connecting.Release();
        }
    }

    private async Task<Connection> OpenAsync(CancellationToken deadline, CancellationToken cancellation)
    {
        if (!File.Exists(keyFile))
            throw new SshFailureException(SshFailureKind.AuthenticationFailed, $"{host.Node.Name}: there is no key {keyFile} on the watchdog's host; put it there, or run this where it is");
        using var key = new PrivateKeyFile(keyFile);
        Wire wire;
        try
        {
            wire = await Wire.OpenAsync(host.Node.Host, host.SshPort, new IPEndPoint(IPAddress.Loopback, 0), deadline);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            throw Explain(failure, null);
        }
        var door = (IPEndPoint)wire.Door;
        IPrivateKeySource signer = cluster.SshLegacyAlgorithms ? key : new SoundKey(key);
        var target = new Renci.SshNet.ConnectionInfo(door.Address.ToString(), door.Port, user, new PrivateKeyAuthenticationMethod(user, signer)) { Timeout = ConnectTimeout };
        if (!cluster.SshLegacyAlgorithms)
            SshAlgorithms.RemoveBroken(target);
        var fresh = new SshClient(target) { KeepAliveInterval = KeepAlive };
        string? refusedKey = null;
        fresh.HostKeyReceived += (_, offered) =>
        {
            var fingerprint = $"SHA256:{offered.FingerPrintSHA256}";
            offered.CanTrust = host.HostKeyFingerprints.Contains(fingerprint);
            refusedKey = offered.CanTrust ? null : fingerprint;
        };
        try
        {
            using var asked = wire.Ask(LoginLimit);
            // The library looks at its cancellation between two messages, and a host may never end one.
            using var end = deadline.UnsafeRegister(static open => ((Wire)open!).Dispose(), wire);
            await OnOwnThread(fresh.Connect);
            wire.CloseDoor();
            return new Connection(fresh, wire, await ReadClockAsync(fresh, wire, deadline));
        }
        catch (Exception failure)
        {
            wire.Dispose();
            _ = OnOwnThread(fresh.Dispose);
            if (cancellation.IsCancellationRequested)
                throw;
            throw Explain(deadline.IsCancellationRequested ? new OperationCanceledException(deadline) : wire.Failure ?? failure, refusedKey);
        }
    }

    private async Task<HostClock> ReadClockAsync(SshClient fresh, Wire wire, CancellationToken deadline)
    {
        using var asked = wire.Ask(AnswerLimit);
        var askedAt = Stopwatch.GetTimestamp();
        var question = fresh.CreateCommand(HostClock.Question);
        try
        {
            await await BeginAsync(question, deadline);
            // Without it no script could know that it is late, and no fence could see a process.
            return HostClock.Read(question.Result, askedAt) ?? throw new SshFailureException(SshFailureKind.CommandFailed,
                $"{host.Node.Name}: {user} cannot read /proc/uptime there ({Sentence.Of(question.Error.Trim())}); the watchdog does nothing on a host without /proc");
        }
        finally
        {
            _ = OnOwnThread(question.Dispose);
        }
    }

    private SshFailureException Explain(Exception failure, string? refusedKey) => failure switch
    {
        SshFailureException known => known,
        _ when refusedKey is not null => new(SshFailureKind.HostKeyChanged,
            $"{host.Node.Name}: the host key of {host.Node.Host}:{host.SshPort} is {refusedKey}, HostKeyFingerprints has {string.Join(", ", host.HostKeyFingerprints)}; "
            + "if the host was installed anew, put the new fingerprint there; if not, somebody may stand between", failure),
        SshAuthenticationException => new(SshFailureKind.AuthenticationFailed,
            $"{host.Node.Name}: {user}@{host.Node.Host} does not accept the key {keyFile}; add its public half to that account's authorized_keys, or correct SshUser", failure),
        SshConnectionException { DisconnectReason: DisconnectReason.KeyExchangeFailed } when !cluster.SshLegacyAlgorithms => new(SshFailureKind.AuthenticationFailed,
            $"{host.Node.Name}: the sshd of {host.Node.Host}:{host.SshPort} offers only algorithms that are broken, such as SHA-1 and CBC ({failure.Message}); "
            + "update it, or set SshLegacyAlgorithms", failure),
        SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } => new(SshFailureKind.Unreachable,
            $"{host.Node.Name}: the host name {host.Node.Host} does not resolve; correct Host in the configuration, or the name service", failure),
        OperationCanceledException or SshOperationTimeoutException => new(SshFailureKind.Unreachable,
            $"{host.Node.Name}: no answer from the sshd of {host.Node.Host}:{host.SshPort} in time; check Host, SshPort and the firewall", failure),
        _ => new(SshFailureKind.Unreachable,
            $"{host.Node.Name}: no SSH connection to {host.Node.Host}:{host.SshPort} ({failure.Message}); check Host, SshPort and that sshd runs", failure),
    };

    /// <summary>Ends the connection that was used, and only that: another command may have opened a new one meanwhile.</summary>
    private void Drop(Connection? used)
    {
        if (used is not null && ReferenceEquals(Interlocked.CompareExchange(ref client, null, used), used))
            _ = OnOwnThread(used.End);
    }

    /// <summary>Sends the command. The task that it returns completes when the command has ended.</summary>
    private static Task<Task> BeginAsync(SshCommand command, CancellationToken deadline) =>
        Task.Factory.StartNew(() => command.ExecuteAsync(deadline), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The library waits for the host in its caller's thread when it connects, opens a channel and says goodbye. Checks wait for the pool's threads.</summary>
    private static Task OnOwnThread(Action waiting) =>
        Task.Factory.StartNew(waiting, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public void Dispose()
    {
        Drop(client);
        connecting.Dispose();
    }

    /// <summary>An open connection, and its host's clock.</summary>
    private sealed class Connection(SshClient client, Wire wire, HostClock clock)
    {
        public SshClient Client => client;
        public Wire Wire => wire;
        public HostClock Clock { get; set; } = clock;

        public void End()
        {
            using var farewell = new CancellationTokenSource(Farewell);
            using var end = farewell.Token.UnsafeRegister(static open => ((Wire)open!).Dispose(), wire);
            client.Dispose();
            wire.Dispose();
        }
    }
}
