using System.Buffers.Binary;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>The numbers of RFC 4250, 4.1.2. Zero stands for the line with the version, which is no message.</summary>
internal enum SshMessage : byte
{
    Version = 0,
    Disconnect = 1,
    Ignore = 2,
    Unimplemented = 3,
    Debug = 4,
    ServiceRequest = 5,
    ServiceAccept = 6,
    KeyExchange = 20,
    NewKeys = 21,
    KeyExchangeClient = 30,
    KeyExchangeServer = 31,
    LoginRequest = 50,
    LoginFailure = 51,
    LoginSuccess = 52,
    LoginBanner = 53,
    LoginKeyAccepted = 60,
    GlobalRequest = 80,
    GlobalSuccess = 81,
    GlobalFailure = 82,
    ChannelOpen = 90,
    ChannelConfirmed = 91,
    ChannelOpenFailure = 92,
    ChannelWindow = 93,
    ChannelData = 94,
    ChannelError = 95,
    ChannelEnd = 96,
    ChannelClose = 97,
    ChannelRequest = 98,
    ChannelSuccess = 99,
    ChannelFailure = 100,
}

/// <summary>Reads a client's message, which is honest.</summary>
internal sealed class SshReader(byte[] message)
{
    private int at = 1;

    public SshMessage Type => (SshMessage)message[0];
    public byte[] Whole => message;

    public uint Number()
    {
        at += sizeof(uint);
        return BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(at - sizeof(uint)));
    }

    public byte[] Bytes()
    {
        var length = (int)Number();
        at += length;
        return message[(at - length)..at];
    }

    public bool Flag() => message[at++] != 0;
}
