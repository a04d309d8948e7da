using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// An SSH server that lets every key in and runs commands, or does a misdeed in place of one of its messages: it turns from
/// one to the other while it runs.
/// </summary>
internal sealed class HostileSsh : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<string, ProcessStartInfo> run;
    private readonly Task serving;
    private readonly ConcurrentDictionary<NetworkStream, bool> open = [];
    private int done;

    /// <param name="run">Starts what a client asks for; null: by a shell of this host.</param>
    public HostileSsh(Func<string, ProcessStartInfo>? run = null)
    {
        this.run = run ?? (static command => new ProcessStartInfo("/bin/sh", ["-c", command]) { Environment = { ["SSH_CONNECTION"] = "127.0.0.1 1 127.0.0.1 2" } });
        listener.Start();
        serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>As HostKeyFingerprints has it.</summary>
    public string Fingerprint => "SHA256:" + Convert.ToBase64String(SHA256.HashData(SshSession.PublicHalf(Key))).TrimEnd('=');

    /// <summary>Connections that the client has not ended.</summary>
    public int Open => open.Count;

    /// <summary>Messages in whose place there was a misdeed.</summary>
    public int Done => done;

    /// <summary>What it does; null: it is honest.</summary>
    public SshMisdeed? Deed { get; set; }

    /// <summary>Called for each misdeed.</summary>
    public void Count() => Interlocked.Increment(ref done);

    /// <summary>Ends what is open, so that the next command has to connect.</summary>
    public void HangUp()
    {
        foreach (var stream in open.Keys)
            stream.Socket.Close();
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await serving;
        stop.Dispose();
        Key.Dispose();
    }

    private async Task ServeAsync()
    {
        var guests = new List<Task>();
        try
        {
            while (true)
                guests.Add(TalkAsync(await listener.AcceptSocketAsync(stop.Token)));
        }
        catch (Exception failure) when (failure is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(guests);
        }
    }

    private async Task TalkAsync(Socket guest)
    {
        await using var stream = new NetworkStream(guest, ownsSocket: true);
        await using var session = new SshSession(this, stream, run, stop.Token);
        open[stream] = true;
        try
        {
            await session.TalkAsync();
        }
        // The guest has gone, or does not understand what it got, or the test is over.
        catch (Exception failure) when (failure is OperationCanceledException or IOException or SocketException or ObjectDisposedException or CryptographicException)
        {
        }
        finally
        {
            open.TryRemove(stream, out _);
        }
    }
}
