using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace PgReplWatchdog.Boundary;

/// <summary>
/// The way to one host or server, through which every byte of a client library passes. A library reads as much as it is
/// sent, for as long as it is sent something. Here what arrives has a limit, and the end of a wire ends its sockets at
/// once, whatever the library does meanwhile. The library connects to a door on this host instead.
/// </summary>
public sealed class Wire : IDisposable
{
    /// <summary>What may arrive that nobody has asked for: keep-alives, notices.</summary>
    private const long Unasked = 64 * 1024;

    /// <summary>The same for each second, for connections that live for days.</summary>
    private const long UnaskedEachSecond = 16 * 1024;

    private const int BufferBytes = 16 * 1024;

    /// <summary>The longest that a connection is waited for, all addresses of a name together.</summary>
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);

    /// <summary>A wire that the library has left ends by itself: a second attempt or a cancel request comes sooner.</summary>
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(5);

    /// <summary>One, a second one without TLS where the first was refused with it, and cancel requests.</summary>
    private const int WaitingAtTheDoor = 8;

    private readonly Lock guard = new();
    private readonly List<Socket> sockets = [];
    private readonly CancellationTokenSource ended = new();
    private readonly TaskCompletionSource end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource idle = new(IdleLimit);
    private readonly IPAddress[] addresses;
    private readonly int port;
    private readonly Socket door;
    private Socket? first;
    private long allowed = Unasked;
    private long asked;
    private long refilledAt = Environment.TickCount64;
    private Timer? last;
    private int relays;
    private bool over;

    private Wire(IPAddress[] addresses, int port, Socket first, Socket door)
    {
        (this.addresses, this.port, this.first, this.door) = (addresses, port, first, door);
        Keep(door);
        Keep(first);
        idle.Token.Register(Dispose);
        _ = AcceptAsync();
    }

    /// <summary>Why the wire has ended by itself; null while it has not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Completes when nothing can arrive any more. A library does not always notice.</summary>
    public Task Ended => end.Task;

    /// <summary>Where the library has to connect to.</summary>
    public EndPoint Door => door.LocalEndPoint!;

    /// <summary>Connects to the server, and then makes the door for the library.</summary>
    /// <param name="host">Name or address.</param>
    /// <param name="port">The server's port.</param>
    /// <param name="door">
    /// An address on this host. An abstract Unix socket lets this process alone in; for a library that knows no Unix sockets a port
    /// of the loopback interface, which <see cref="CloseDoor"/> closes as soon as the library is in.
    /// </param>
    /// <param name="deadline">Ends the attempt.</param>
    /// <exception cref="SocketException">The server cannot be reached.</exception>
    public static async Task<Wire> OpenAsync(string host, int port, EndPoint door, CancellationToken deadline)
    {
        ArgumentNullException.ThrowIfNull(door);
        var addresses = await Dns.GetHostAddressesAsync(host, deadline);
        var first = await ConnectAsync(addresses, port, deadline);
        var protocol = door is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified;
        var listener = new Socket(door.AddressFamily, SocketType.Stream, protocol);
        try
        {
            listener.Bind(door);
            listener.Listen(WaitingAtTheDoor);
            return new Wire(addresses, port, first, listener);
        }
        catch
        {
            listener.Dispose();
            first.Dispose();
            throw;
        }
    }

    /// <summary>While it lasts so many bytes more may arrive.</summary>
    /// <param name="bytes">What an honest answer takes at most, with what the protocol adds.</param>
    public IDisposable Ask(long bytes)
    {
        lock (guard)
        {
            asked += bytes;
            allowed += bytes;
        }
        return new Asked(this, bytes);
    }

    /// <summary>Nobody else gets in.</summary>
    public void CloseDoor() => door.Dispose();

    /// <summary>Ends all sockets after a while, where nobody has ended them before.</summary>
    public void EndIn(TimeSpan delay)
    {
        lock (guard)
        {
            last = over ? null : new Timer(static wire => ((Wire)wire!).Dispose(), this, delay, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Ends all sockets now.</summary>
    public void Dispose()
    {
        lock (guard)
        {
            if (over)
                return;
            over = true;
            foreach (var socket in sockets)
                socket.Dispose();
            sockets.Clear();
        }
        end.TrySetResult();
        ended.Cancel();
        idle.Dispose();
        last?.Dispose();
    }

    /// <summary>Each address in turn, with its share of the time: one that is silent leaves some to the next.</summary>
    private static async Task<Socket> ConnectAsync(IPAddress[] addresses, int port, CancellationToken deadline)
    {
        var failure = new SocketException((int)SocketError.HostNotFound);
        foreach (var address in addresses)
        {
            var server = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            using var share = CancellationTokenSource.CreateLinkedTokenSource(deadline);
            share.CancelAfter(ConnectLimit / addresses.Length);
            try
            {
                await server.ConnectAsync(new IPEndPoint(address, port), share.Token);
                return server;
            }
            catch (SocketException refused)
            {
                server.Dispose();
                failure = refused;
            }
            catch (OperationCanceledException) when (!deadline.IsCancellationRequested)
            {
                server.Dispose();
                failure = new SocketException((int)SocketError.TimedOut);
            }
            catch
            {
                server.Dispose();
                throw;
            }
        }
        throw failure;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var library = await door.AcceptAsync(ended.Token);
                if (!Keep(library))
                    return;
                if (door.AddressFamily != AddressFamily.Unix)
                    library.NoDelay = true; // what is small would wait for 40 ms
                if (IsOwn(library))
                    _ = RelayAsync(library);
                else
                    library.Dispose();
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The door was closed.
        }
    }

    /// <summary>Both ways, until both sides have ended theirs. Never fails.</summary>
    private async Task RelayAsync(Socket library)
    {
        var server = Interlocked.Exchange(ref first, null);
        Begun(1);
        try
        {
            server ??= await ConnectAsync(addresses, port, ended.Token);
            if (Keep(server))
                await Task.WhenAll(PumpAsync(server, library, counted: true), PumpAsync(library, server, counted: false));
        }
        catch (Exception broken) when (broken is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Fail(broken);
        }
        finally
        {
            Forget(library);
            if (server is not null)
                Forget(server);
            Begun(-1);
        }
    }

    /// <summary>One way. One that breaks breaks the other. Never fails.</summary>
    private async Task PumpAsync(Socket from, Socket to, bool counted)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, ended.Token) is var count && count > 0)
            {
                if (counted)
                    Count(count);
                for (var sent = 0; sent < count;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), ended.Token);
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (TooMuchSaidException said)
        {
            Fail(said);
            Dispose();
        }
        catch (Exception broken) when (broken is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Fail(broken);
            Forget(from);
            Forget(to);
        }
    }

    private void Fail(Exception failure)
    {
        lock (guard)
        {
            if (!over)
                Failure ??= failure;
        }
    }

    /// <exception cref="TooMuchSaidException">More arrived than was asked for.</exception>
    private void Count(int bytes)
    {
        lock (guard)
        {
            var now = Environment.TickCount64;
            allowed = Math.Min(allowed + ((now - refilledAt) * UnaskedEachSecond / 1000), asked + Unasked);
            refilledAt = now;
            allowed -= bytes;
            if (allowed < 0)
                throw new TooMuchSaidException(asked + Unasked);
        }
    }

    /// <summary>Abstract sockets have no permissions: who connects has to be this process (unix(7), SO_PEERCRED).</summary>
    private bool IsOwn(Socket library)
    {
        const int SocketLevel = 1, PeerCredentials = 17, CredentialBytes = 12;
        if (door.AddressFamily != AddressFamily.Unix)
            return true;
        Span<byte> credentials = stackalloc byte[CredentialBytes];
        library.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        return BinaryPrimitives.ReadInt32LittleEndian(credentials) == Environment.ProcessId;
    }

    private bool Keep(Socket socket)
    {
        lock (guard)
        {
            if (!over && !sockets.Contains(socket))
                sockets.Add(socket);
            if (over)
                socket.Dispose();
            return !over;
        }
    }

    private void Begun(int more)
    {
        lock (guard)
        {
            relays += more;
            if (!over)
                idle.CancelAfter(relays == 0 ? IdleLimit : Timeout.InfiniteTimeSpan);
        }
    }

    private void Forget(Socket socket)
    {
        lock (guard)
        {
            sockets.Remove(socket);
            socket.Dispose();
        }
    }

    private sealed class Asked(Wire wire, long bytes) : IDisposable
    {
        private bool answered;

        public void Dispose()
        {
            lock (wire.guard)
            {
                if (answered)
                    return;
                answered = true;
                wire.asked -= bytes;
                wire.allowed = Math.Min(wire.allowed, wire.asked + Unasked);
            }
        }
    }
}

/// <summary>A host or a server sent more than any honest answer takes.</summary>
/// <param name="bytes">What it might have sent.</param>
public sealed class TooMuchSaidException(long bytes)
    : IOException($"it sent more than the {bytes / 1024} KiB that an answer may have, and the connection was ended");
