using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// The server's side of one connection: ecdh-sha2-nistp256, ecdsa-sha2-nistp256, aes128-gcm (RFC 4253, 5656, 5647), any public
/// key (RFC 4252), and exec (RFC 4254).
/// </summary>
internal sealed class SshSession(HostileSsh server, NetworkStream stream, Func<string, ProcessStartInfo> run, CancellationToken stop) : IAsyncDisposable
{
    private const string Version = "SSH-2.0-Hostile";
    private const int TagBytes = 16, NonceBytes = 12, KeyBytes = 16, LongestData = 16 * 1024;

    private static readonly string[] Algorithms =
        ["ecdh-sha2-nistp256", "ecdsa-sha2-nistp256", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""];

    private readonly SemaphoreSlim sending = new(1, 1);
    private readonly ConcurrentDictionary<uint, Channel> channels = [];
    private byte[] hello = [], clientHello = [], nonceIn = [], nonceOut = [];
    private string clientVersion = "";
    private Func<char, int, byte[]>? derive;
    private AesGcm? cipherIn, cipherOut;

    /// <summary>Messages that were sent so far, the line with the version among them.</summary>
    public int Sent { get; private set; }

    public static byte[] Number(uint value)
    {
        var bytes = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Text(byte[] bytes) => [.. Number((uint)bytes.Length), .. bytes];

    public static byte[] Text(string text) => Text(Encoding.UTF8.GetBytes(text));

    public static byte[] Message(SshMessage type, params byte[][] parts) => [(byte)type, .. parts.SelectMany(part => part)];

    /// <summary>As a client sees it (RFC 5656, 3.1).</summary>
    public static byte[] PublicHalf(ECDsa key) => [.. Text("ecdsa-sha2-nistp256"), .. Text("nistp256"), .. Text(Point(key.ExportParameters(false)))];

    public async ValueTask DisposeAsync()
    {
        foreach (var channel in channels.Values)
            channel.End();
        await sending.WaitAsync(CancellationToken.None);
        cipherIn?.Dispose();
        cipherOut?.Dispose();
        sending.Dispose();
    }

    public async Task TalkAsync()
    {
        await SendAsync(Encoding.ASCII.GetBytes($"\0{Version}\r\n"));
        clientVersion = await ReadLineAsync();
        hello = Message(SshMessage.KeyExchange, new byte[16], [.. Algorithms.SelectMany(Text)], new byte[5]);
        await SendAsync(hello);
        while (true)
            await AnswerAsync(await ReceiveAsync());
    }

    /// <summary>The message, or the misdeed in its place.</summary>
    public async Task SendAsync(byte[] message)
    {
        await sending.WaitAsync(stop);
        try
        {
            Sent++;
            var type = (SshMessage)message[0];
            if (server.Deed is { } deed && (deed.At is null || deed.At == type))
            {
                server.Count();
                await deed.DoAsync(this, message);
            }
            else
            {
                await SendHonestlyAsync(message);
            }
            if (type == SshMessage.NewKeys)
                (cipherOut, nonceOut) = (new AesGcm(derive!('D', KeyBytes), TagBytes), derive!('B', NonceBytes));
        }
        finally
        {
            sending.Release();
        }
    }

    /// <summary>As a packet; the first is the line with the version.</summary>
    public Task SendHonestlyAsync(byte[] message) =>
        Sent == 1 ? SendBytesAsync([.. message.Skip(1)]) : SendBytesAsync(Packet(message));

    public Task SendBytesAsync(byte[] bytes) => stream.WriteAsync(bytes, stop).AsTask();

    /// <summary>As often as the client takes it.</summary>
    public async Task SendWithoutEndAsync(Func<byte[]> bytes)
    {
        while (true)
            await SendBytesAsync(bytes());
    }

    /// <summary>Until the client hangs up, or says something.</summary>
    public Task WaitAsync() => stream.Socket.ReceiveAsync(new byte[1], SocketFlags.Peek, stop).AsTask();

    /// <summary>Ends the connection.</summary>
    public void Close(bool reset)
    {
        if (reset)
            stream.Socket.LingerState = new LingerOption(true, 0);
        stream.Socket.Close();
    }

    /// <summary>A message as it is sent.</summary>
    public byte[] Packet(byte[] message)
    {
        var (block, counted) = cipherOut is null ? (8, 1 + sizeof(uint)) : (16, 1);
        var padding = block - ((message.Length + counted) % block);
        if (padding < 4)
            padding += block;
        return Seal([.. Number((uint)(1 + message.Length + padding)), (byte)padding, .. message, .. new byte[padding]]);
    }

    /// <summary>Length, length of the padding, message and padding, encrypted as soon as there are keys.</summary>
    public byte[] Seal(byte[] packet)
    {
        if (cipherOut is null)
            return packet;
        var (sealedBody, tag) = (new byte[packet.Length - sizeof(uint)], new byte[TagBytes]);
        cipherOut.Encrypt(nonceOut, packet.AsSpan(sizeof(uint)), sealedBody, tag, packet.AsSpan(0, sizeof(uint)));
        Next(nonceOut);
        return [.. packet[..sizeof(uint)], .. sealedBody, .. tag];
    }

    private static void Next(byte[] nonce)
    {
        var counter = nonce.AsSpan(sizeof(uint));
        BinaryPrimitives.WriteUInt64BigEndian(counter, BinaryPrimitives.ReadUInt64BigEndian(counter) + 1);
    }

    private static byte[] Point(ECParameters key) => [4, .. key.Q.X!, .. key.Q.Y!];

    /// <summary>RFC 4251, 5: mpint.</summary>
    private static byte[] Big(byte[] number)
    {
        var digits = number.SkipWhile(digit => digit == 0).ToArray();
        return Text(digits is [>= 0x80, ..] ? [0, .. digits] : digits);
    }

    private async Task<string> ReadLineAsync()
    {
        var (line, next) = (new StringBuilder(), new byte[1]);
        while (await stream.ReadAsync(next, stop) > 0 && next[0] != '\n')
            line.Append((char)next[0]);
        return line.ToString().TrimEnd('\r');
    }

    private async Task<SshReader> ReceiveAsync()
    {
        var head = new byte[sizeof(uint)];
        await stream.ReadExactlyAsync(head, stop);
        var plain = new byte[BinaryPrimitives.ReadInt32BigEndian(head)];
        if (cipherIn is null)
        {
            await stream.ReadExactlyAsync(plain, stop);
        }
        else
        {
            var body = new byte[plain.Length + TagBytes];
            await stream.ReadExactlyAsync(body, stop);
            cipherIn.Decrypt(nonceIn, body.AsSpan(0, plain.Length), body.AsSpan(plain.Length), plain, head);
            Next(nonceIn);
        }
        return new SshReader(plain[1..^plain[0]]);
    }

    private async Task AnswerAsync(SshReader message)
    {
        switch (message.Type)
        {
            case SshMessage.KeyExchange:
                clientHello = message.Whole;
                break;
            case SshMessage.KeyExchangeClient:
                await ExchangeKeysAsync(message.Bytes());
                break;
            case SshMessage.NewKeys:
                (cipherIn, nonceIn) = (new AesGcm(derive!('C', KeyBytes), TagBytes), derive!('A', NonceBytes));
                break;
            case SshMessage.ServiceRequest:
                await SendAsync(Message(SshMessage.ServiceAccept, Text(message.Bytes())));
                break;
            case SshMessage.LoginRequest:
                await LogInAsync(message);
                break;
            case SshMessage.GlobalRequest:
                _ = message.Bytes();
                if (message.Flag())
                    await SendAsync(Message(SshMessage.GlobalFailure));
                break;
            case SshMessage.ChannelOpen:
                await OpenAsync(message);
                break;
            case SshMessage.Disconnect:
                Close(reset: false);
                break;
            case >= SshMessage.ChannelWindow and <= SshMessage.ChannelRequest when channels.TryGetValue(message.Number(), out var channel):
                await AnswerAsync(channel, message);
                break;
        }
    }

    private async Task ExchangeKeysAsync(byte[] clientPoint)
    {
        using var own = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = { X = clientPoint[1..33], Y = clientPoint[33..] } });
        var (point, secret, hostKey) = (Point(own.ExportParameters(false)), Big(own.DeriveRawSecretAgreement(other.PublicKey)), PublicHalf(server.Key));
        var hash = SHA256.HashData(
            [.. Text(clientVersion), .. Text(Version), .. Text(clientHello), .. Text(hello), .. Text(hostKey), .. Text(clientPoint), .. Text(point), .. secret]);
        derive = (letter, length) => SHA256.HashData([.. secret, .. hash, (byte)letter, .. hash])[..length];
        var signature = server.Key.SignData(hash, HashAlgorithmName.SHA256);
        await SendAsync(Message(SshMessage.KeyExchangeServer, Text(hostKey), Text(point),
            Text([.. Text("ecdsa-sha2-nistp256"), .. Text([.. Big(signature[..32]), .. Big(signature[32..])])])));
        await SendAsync(Message(SshMessage.NewKeys));
    }

    private async Task LogInAsync(SshReader message)
    {
        _ = (message.Bytes(), message.Bytes()); // user and service
        if (Encoding.ASCII.GetString(message.Bytes()) != "publickey")
            await SendAsync(Message(SshMessage.LoginFailure, Text("publickey"), [0]));
        else if (message.Flag())
            await SendAsync(Message(SshMessage.LoginSuccess));
        else
            await SendAsync(Message(SshMessage.LoginKeyAccepted, Text(message.Bytes()), Text(message.Bytes())));
    }

    private async Task OpenAsync(SshReader message)
    {
        const uint Window = 1 << 30;
        _ = message.Bytes();
        var channel = new Channel(message.Number(), message.Number());
        channels[channel.Id] = channel;
        await SendAsync(Message(SshMessage.ChannelConfirmed, Number(channel.Id), Number(channel.Id), Number(Window), Number(LongestData)));
    }

    private async Task AnswerAsync(Channel channel, SshReader message)
    {
        switch (message.Type)
        {
            case SshMessage.ChannelWindow:
                channel.Allow(message.Number());
                break;
            case SshMessage.ChannelData:
                await channel.FeedAsync(message.Bytes());
                break;
            case SshMessage.ChannelEnd:
                await channel.FeedAsync(null);
                break;
            case SshMessage.ChannelClose:
                channel.End();
                channels.TryRemove(channel.Id, out _);
                break;
            case SshMessage.ChannelRequest when Encoding.ASCII.GetString(message.Bytes()) == "exec":
                _ = message.Flag();
                channel.Start(run(Encoding.UTF8.GetString(message.Bytes())));
                await SendAsync(Message(SshMessage.ChannelSuccess, Number(channel.Id)));
                _ = RunAsync(channel);
                break;
            case SshMessage.ChannelRequest:
                await SendAsync(Message(SshMessage.ChannelFailure, Number(channel.Id)));
                break;
        }
    }

    private async Task RunAsync(Channel channel)
    {
        try
        {
            await SendAsync(Message(SshMessage.ChannelWindow, Number(channel.Id), Number(1)));
            await Task.WhenAll(
                PumpAsync(channel, channel.Process.StandardOutput.BaseStream, Message(SshMessage.ChannelData, Number(channel.Id))),
                PumpAsync(channel, channel.Process.StandardError.BaseStream, Message(SshMessage.ChannelError, Number(channel.Id), Number(1))));
            await channel.Process.WaitForExitAsync(stop);
            await SendAsync(Message(SshMessage.ChannelRequest, Number(channel.Id), Text("exit-status"), [0], Number((uint)channel.Process.ExitCode)));
            await SendAsync(Message(SshMessage.ChannelEnd, Number(channel.Id)));
            await SendAsync(Message(SshMessage.ChannelClose, Number(channel.Id)));
        }
        catch (Exception failure) when (failure is OperationCanceledException or IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The client has gone, or does not want it any more.
        }
        finally
        {
            channel.End();
        }
    }

    private async Task PumpAsync(Channel channel, Stream from, byte[] head)
    {
        var buffer = new byte[LongestData];
        while (await from.ReadAsync(buffer, stop) is var count && count > 0)
        {
            await channel.TakeAsync(count, stop);
            await SendAsync([.. head, .. Text(buffer[..count])]);
        }
    }

    private sealed class Channel(uint id, long window)
    {
        private long window = window;

        public uint Id => id;
        public Process Process { get; } = new();

        public void Start(ProcessStartInfo start)
        {
            (start.RedirectStandardInput, start.RedirectStandardOutput, start.RedirectStandardError) = (true, true, true);
            Process.StartInfo = start;
            Process.Start();
        }

        public void Allow(long bytes) => Interlocked.Add(ref window, bytes);

        /// <summary>Waits until so many bytes may be sent.</summary>
        public async Task TakeAsync(int bytes, CancellationToken stop)
        {
            while (Interlocked.Read(ref window) < bytes)
                await Task.Delay(TimeSpan.FromMilliseconds(5), stop);
            Interlocked.Add(ref window, -bytes);
        }

        /// <summary>Null: the end.</summary>
        public async Task FeedAsync(byte[]? bytes)
        {
            try
            {
                if (bytes is null)
                {
                    Process.StandardInput.Close();
                    return;
                }
                await Process.StandardInput.BaseStream.WriteAsync(bytes);
                await Process.StandardInput.BaseStream.FlushAsync();
            }
            catch (Exception gone) when (gone is IOException or InvalidOperationException)
            {
                // The command has ended, and nobody reads what is meant for it.
            }
        }

        public void End()
        {
            try
            {
                Process.Kill();
                foreach (var stream in (Stream[])[Process.StandardInput.BaseStream, Process.StandardOutput.BaseStream, Process.StandardError.BaseStream])
                    stream.Dispose();
            }
            catch (InvalidOperationException)
            {
                // It was never started, or this is the second time.
            }
            Process.Dispose();
        }
    }
}
