using static PgReplWatchdog.Tests.Hostile.SshSession;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>What is sent in place of one message.</summary>
/// <param name="Name">What it does, for whoever reads that it was not borne.</param>
/// <param name="At">The message; null: any.</param>
/// <param name="DoAsync">Does it.</param>
internal sealed record SshMisdeed(string Name, SshMessage? At, Func<SshSession, byte[], Task> DoAsync)
{
    private const uint Most = uint.MaxValue;

    private static readonly byte[] NotUtf8 = [0xC3, 0x28, 0xFF, 0xFE, 0x00, 0xED, 0xA0, 0x80];

    /// <summary>All that an honest server sends for one command.</summary>
    private static readonly SshMessage[] Sent =
    [
        SshMessage.KeyExchange, SshMessage.KeyExchangeServer, SshMessage.NewKeys, SshMessage.ServiceAccept, SshMessage.LoginFailure, SshMessage.LoginKeyAccepted, SshMessage.LoginSuccess,
        SshMessage.ChannelConfirmed, SshMessage.ChannelSuccess, SshMessage.ChannelWindow, SshMessage.ChannelData, SshMessage.ChannelError, SshMessage.ChannelRequest, SshMessage.ChannelEnd,
        SshMessage.ChannelClose,
    ];

    public static IReadOnlyList<SshMisdeed> All { get; } = [.. Greetings(), .. Malformed(), .. Unexpected(), .. Packets(), .. WithoutEnd()];

    public override string ToString() => $"{At?.ToString() ?? "any message"}: {Name}";

    /// <summary>One message, drawn with what happens to it.</summary>
    public static SshMisdeed Drawn(int seed)
    {
        var chance = new Random(seed);
        var (at, changes) = (chance.Next(18), chance.Next(1, 6));
        return new SshMisdeed($"drawn by {seed}", null, (session, message) =>
        {
            if (session.Sent != at)
                return session.SendHonestlyAsync(message);
            var (bytes, head) = (message.ToList(), message.Length > 1 ? 1 : 0);
            for (var change = 0; change < changes; change++)
            {
                var place = chance.Next(chance.Next(4) == 0 ? 0 : head, bytes.Count + 1);
                switch (chance.Next(5))
                {
                    case 0 when place < bytes.Count:
                        bytes[place] = (byte)chance.Next(256);
                        break;
                    case 1 when place < bytes.Count:
                        bytes[place] ^= (byte)(1 << chance.Next(8));
                        break;
                    case 2:
                        bytes.RemoveRange(place, chance.Next(bytes.Count - place + 1));
                        break;
                    case 3:
                        bytes.InsertRange(place, Number(chance.Next(2) == 0 ? Most : (uint)chance.Next()));
                        break;
                    default:
                        bytes.InsertRange(place, Enumerable.Repeat((byte)chance.Next(256), chance.Next(2000)));
                        break;
                }
            }
            return session.SendHonestlyAsync(bytes.Count == 0 ? [(byte)chance.Next(256)] : [.. bytes]);
        });
    }

    private static SshMisdeed Instead(SshMessage at, string name, Func<byte[], byte[]> change) =>
        new(name, at, (session, message) => session.SendHonestlyAsync(change(message)));

    private static IEnumerable<SshMisdeed> Greetings()
    {
        yield return Greeting("one of HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"u8.ToArray());
        yield return Greeting("not UTF-8", [.. "SSH-2.0-"u8, .. NotUtf8, .. "\r\n"u8]);
        yield return Greeting("an older version", "SSH-1.5-old\r\n"u8.ToArray());
        yield return Greeting("no end of line", "SSH-2.0-Hostile"u8.ToArray());
        yield return Greeting("zeros", new byte[1000]);
        yield return new("lines without end", SshMessage.Version, static (session, _) => session.SendWithoutEndAsync(static () => "one more line\r\n"u8.ToArray()));
        yield return new("one line without end", SshMessage.Version, static (session, _) => session.SendWithoutEndAsync(static () => new byte[1000]));

        static SshMisdeed Greeting(string name, byte[] bytes) => new(name, SshMessage.Version, (session, _) => session.SendBytesAsync(bytes));
    }

    private static IEnumerable<SshMisdeed> Malformed()
    {
        foreach (var at in Sent)
        {
            yield return Instead(at, "its number alone", static message => message[..1]);
            yield return Instead(at, "cut in half", static message => message[..((message.Length + 1) / 2)]);
            yield return Instead(at, "its last byte is missing", static message => message[..^1]);
            yield return Instead(at, "all ones behind its number", static message => [message[0], .. Enumerable.Repeat((byte)0xFF, message.Length - 1)]);
            yield return Instead(at, "zeros behind its number", static message => [message[0], .. new byte[message.Length - 1]]);
            yield return Instead(at, "not UTF-8 behind its number", static message => [message[0], .. Text(NotUtf8), .. Text(NotUtf8), .. NotUtf8]);
            yield return Instead(at, "a megabyte longer", static message => [.. message, .. new byte[1 << 20]]);
            yield return new("comes twice", at, static async (session, message) =>
            {
                await session.SendHonestlyAsync(message);
                await session.SendHonestlyAsync(message);
            });
            yield return new("never comes", at, static (_, _) => Task.CompletedTask);
            if (at < SshMessage.ChannelOpen)
                continue;
            yield return Instead(at, "another channel's", static message => [message[0], .. Number(4711), .. message[Math.Min(5, message.Length)..]]);
            yield return Instead(at, "a channel and all ones", static message => [.. message[..5], .. Enumerable.Repeat((byte)0xFF, 40)]);
            yield return Instead(at, "a channel and a length of 2 GB", static message => [.. message[..5], .. Number(int.MaxValue), .. "text"u8]);
        }
        yield return Instead(SshMessage.ChannelData, "not UTF-8", static message => [.. message[..5], .. Text(NotUtf8)]);
        yield return Instead(SshMessage.ChannelError, "a length of 4 GB", static message => [.. message[..9], .. Number(Most)]);
        foreach (var kind in (byte[][])[Text("exit-signal"), Text("exit-status"), Text(NotUtf8), Text(new byte[1000]), Number(Most)])
        {
            foreach (var rest in (byte[][])[[], [1], [0, .. Number(Most)], [0, .. Text("KILL"), 0, .. Text(NotUtf8), .. Text(NotUtf8)], [0, .. Text(NotUtf8)]])
                yield return Instead(SshMessage.ChannelRequest, $"{Convert.ToHexString(kind)} {Convert.ToHexString(rest)}", message => [.. message[..5], .. kind, .. rest]);
        }
    }

    /// <summary>Messages of every number where another one has to come.</summary>
    private static IEnumerable<SshMisdeed> Unexpected()
    {
        var numbers = Enum.GetValues<SshMessage>().Select(known => (byte)known).Concat(new byte[] { 7, 8, 22, 34, 61, 63, 83, 101, 127, 128, 192, 255 });
        foreach (var at in (SshMessage[])[SshMessage.KeyExchange, SshMessage.ServiceAccept, SshMessage.LoginSuccess, SshMessage.ChannelSuccess])
        {
            foreach (var number in numbers)
            {
                yield return Before(at, $"after number {number} alone", [number]);
                yield return Before(at, $"after number {number} with all ones", [number, .. Enumerable.Repeat((byte)0xFF, 40)]);
                yield return Before(at, $"after number {number} with texts", [number, .. Text(NotUtf8), 1, .. Text(NotUtf8), .. Text(NotUtf8), .. Text(NotUtf8)]);
            }
        }

        static SshMisdeed Before(SshMessage at, string name, byte[] first) => new(name, at, async (session, message) =>
        {
            // The version is no message: its number is sent as one.
            await session.SendBytesAsync(session.Packet(first));
            await session.SendHonestlyAsync(message);
        });
    }

    private static IEnumerable<SshMisdeed> Packets()
    {
        foreach (var at in (SshMessage[])[SshMessage.KeyExchange, SshMessage.NewKeys, SshMessage.LoginSuccess, SshMessage.ChannelSuccess, SshMessage.ChannelData])
        {
            foreach (var length in (uint[])[0, 1, 3, 5, 35_001, 1 << 20, int.MaxValue, 1U << 31, Most - 3, Most])
                yield return Packet(at, $"a packet's length is {length}", message => [.. Number(length), 4, .. message, .. new byte[16]]);
            foreach (var padding in (byte[])[0, 3, 200, 255])
                yield return Packet(at, $"a packet's padding is {padding}", message => [.. Number(28), padding, .. message.Take(20), .. new byte[27 - message.Take(20).Count()]]);
            yield return Packet(at, "a packet is empty", static _ => [.. Number(12), 11, .. new byte[11]]);
            yield return new("a packet that was changed on its way", at, static (session, message) =>
            {
                var packet = session.Packet(message);
                packet[^1] ^= 1;
                return session.SendBytesAsync(packet);
            });
            yield return new("half a packet, and the end", at, static async (session, message) =>
            {
                var packet = session.Packet(message);
                await session.SendBytesAsync(packet[..(packet.Length / 2)]);
                session.Close(reset: false);
            });
            yield return new("half a packet, and silence", at, static async (session, message) =>
            {
                var packet = session.Packet(message);
                await session.SendBytesAsync(packet[..(packet.Length / 2)]);
                await session.WaitAsync();
            });
            yield return new("a byte a second", at, static async (session, message) =>
            {
                foreach (var part in session.Packet(message))
                {
                    await session.SendBytesAsync([part]);
                    await Task.Delay(TimeSpan.FromSeconds(1));
                }
            });
            yield return new("the end", at, static (session, _) =>
            {
                session.Close(reset: false);
                return Task.CompletedTask;
            });
            yield return new("a reset", at, static (session, _) =>
            {
                session.Close(reset: true);
                return Task.CompletedTask;
            });
            yield return new("noise without end", at, static (session, _) =>
            {
                var (chance, noise) = (new Random(1), new byte[10_000]);
                return session.SendWithoutEndAsync(() =>
                {
                    chance.NextBytes(noise);
                    return noise;
                });
            });
        }

        static SshMisdeed Packet(SshMessage at, string name, Func<byte[], byte[]> packet) =>
            new(name, at, (session, message) => session.SendBytesAsync(session.Seal(packet(message))));
    }

    private static IEnumerable<SshMisdeed> WithoutEnd()
    {
        yield return Flood(SshMessage.KeyExchange, "key exchanges", static message => message);
        yield return Flood(SshMessage.LoginFailure, "failures", static message => message);
        foreach (var at in (SshMessage[])[SshMessage.KeyExchange, SshMessage.LoginSuccess, SshMessage.ChannelSuccess])
        {
            yield return Flood(at, "IGNORE", static _ => Message(SshMessage.Ignore, Text(new byte[100])));
            yield return Flood(at, "DEBUG", static _ => Message(SshMessage.Debug, [1], Text("words"), Text("en")));
            yield return Flood(at, "UNIMPLEMENTED", static _ => Message(SshMessage.Unimplemented, Number(0)));
            yield return Flood(at, "banners", static _ => Message(SshMessage.LoginBanner, Text("words"), Text("en")));
            yield return Flood(at, "a number that nobody knows", static _ => [200]);
        }
        yield return Flood(SshMessage.ChannelSuccess, "requests that want an answer", static _ => Message(SshMessage.GlobalRequest, Text("keepalive@openssh.com"), [1]));
        yield return Flood(SshMessage.ChannelSuccess, "channels", static _ => Message(SshMessage.ChannelOpen, Text("session"), Number(1), Number(Most), Number(Most)));
        yield return Flood(SshMessage.ChannelSuccess, "forwarded connections",
            static _ => Message(SshMessage.ChannelOpen, Text("forwarded-tcpip"), Number(1), Number(Most), Number(Most), Text("a"), Number(1), Text("b"), Number(2)));
        yield return Flood(SshMessage.ChannelSuccess, "key exchanges", static _ => Message(SshMessage.KeyExchange, new byte[16], new byte[45]));
        yield return Flood(SshMessage.ChannelSuccess, "windows", static message => [(byte)SshMessage.ChannelWindow, .. message[1..5], .. Number(Most)]);
        yield return Flood(SshMessage.ChannelData, "data", static message => [.. message[..5], .. Text(new byte[10_000])]);
        yield return Flood(SshMessage.ChannelData, "empty data", static message => [.. message[..5], .. Text("")]);
        yield return Flood(SshMessage.ChannelError, "data", static message => [.. message[..9], .. Text(new byte[10_000])]);
        yield return Flood(SshMessage.ChannelError, "data of a kind that nobody knows", static message => [.. message[..5], .. Number(7), .. Text(new byte[1000])]);
        yield return Flood(SshMessage.ChannelRequest, "exit statuses", static message => message);
        yield return Flood(SshMessage.ChannelEnd, "ends", static message => message);
        yield return Flood(SshMessage.ChannelClose, "goodbyes", static message => message);

        // Nothing is read meanwhile: what the client answers has nowhere to go.
        static SshMisdeed Flood(SshMessage at, string name, Func<byte[], byte[]> message) =>
            new($"{name} without end", at, (session, honest) => session.SendWithoutEndAsync(() => session.Packet(message(honest))));
    }
}
