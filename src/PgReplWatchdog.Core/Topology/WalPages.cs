using System.Buffers.Binary;
using System.Globalization;

namespace PgReplWatchdog.Topology;

/// <summary>The WAL that pages have to be of. Zero system identifier: not known, and not compared.</summary>
public sealed record WalOrigin(uint Timeline, ulong SystemIdentifier, long SegmentBytes);

/// <summary>What the pages so far have shown: all that follow have the same magic, and no older timeline.</summary>
public readonly record struct WalTrail(ushort Magic, uint Timeline);

/// <summary>
/// Tells whether bytes are pages of WAL (PostgreSQL, src/include/access/xlog_internal.h). Bytes that a host has sent may be a login shell's
/// greeting, or shifted by it, and a standby that reads such a page as its next one stops for good. Little endian, as in all physical replication here.
/// </summary>
public static class WalPages
{
    public const int PageBytes = 8192;
    public const int HeaderBytes = 24;
    public const int LongHeaderBytes = 40;
    public const long LeastSegmentBytes = 1L << 20;
    public const long MostSegmentBytes = 1L << 30;

    /// <summary>XLogRecord's header, and XLogRecordMaxSize rounded up.</summary>
    private const uint LeastRecordBytes = 24;
    private const uint MostRecordBytes = 1U << 30;

    private const ushort FirstIsContinuation = 1;
    private const ushort LongHeader = 2;
    private const ushort FirstIsOverwritten = 8;
    private const ushort KnownFlags = 15;

    /// <summary>XLOG_PAGE_MAGIC of 9.3, 9.4, 9.5, 9.6, 10, 11, 12, 13, 14, 15, 16, 17 and 18.</summary>
    private static readonly ImmutableArray<ushort> Magics =
        [0xD075, 0xD07E, 0xD087, 0xD093, 0xD097, 0xD098, 0xD101, 0xD106, 0xD10D, 0xD110, 0xD113, 0xD116, 0xD118];

    /// <summary>PostgreSQL allows powers of two from 1 MiB to 1 GiB.</summary>
    public static bool IsSegmentSize(long bytes) => bytes is >= LeastSegmentBytes and <= MostSegmentBytes && long.IsPow2(bytes);

    public static bool IsRecordLength(uint bytes) => bytes is >= LeastRecordBytes and <= MostRecordBytes;

    /// <summary>Where a record ends that begins there: each page that it reaches begins with a header.</summary>
    public static Lsn EndOf(Lsn start, uint length, long segmentBytes)
    {
        var (position, left) = (start.Value, (ulong)length);
        while (true)
        {
            if (position % PageBytes == 0)
                position += HeaderBytesAt(position, segmentBytes);
            var room = PageBytes - (position % PageBytes);
            if (left <= room)
                return new Lsn((position + left + 7) / 8 * 8);
            (position, left) = (position + room, left - room);
        }
    }

    /// <summary>
    /// Whether the bytes are so many whole pages from that position on, all of that WAL: why not, or null, and what the next pages have to fit to.
    /// Every page has to be one: pages behind the end of WAL are zero or of another place, and nobody has to ask for them.
    /// </summary>
    public static (string? Fault, WalTrail Seen) Check(ReadOnlySpan<byte> bytes, Lsn first, long pages, WalOrigin origin, WalTrail seen)
    {
        ArgumentNullException.ThrowIfNull(origin);
        if (bytes.Length != pages * PageBytes)
            return (Text($"{bytes.Length} bytes of WAL came where {pages * PageBytes} were asked for"), seen);
        for (var page = 0; page < pages; page++)
        {
            var position = first.Value + ((ulong)page * PageBytes);
            var header = bytes.Slice(page * PageBytes, LongHeaderBytes);
            if (Fault(header, position, origin, seen) is { } fault)
                return (Text($"what came as the page of WAL at {new Lsn(position)} is none: {fault}"), seen);
            seen = new WalTrail(Word(header), BinaryPrimitives.ReadUInt32LittleEndian(header[4..]));
        }
        return (null, seen);
    }

    private static string? Fault(ReadOnlySpan<byte> header, ulong position, WalOrigin origin, WalTrail seen)
    {
        var magic = Word(header);
        if (!Magics.Contains(magic) || (seen.Magic != 0 && magic != seen.Magic))
            return Text($"its magic number is {magic:X4}{(seen.Magic != 0 ? Text($", that of the page before {seen.Magic:X4}") : "")}");
        var flags = Word(header[2..]);
        var continued = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        var isFirst = position % (ulong)origin.SegmentBytes == 0;
        if ((flags & ~KnownFlags) != 0 || (flags & LongHeader) != 0 != isFirst || (flags & FirstIsContinuation) != 0 != continued > 0
            || (flags & (FirstIsContinuation | FirstIsOverwritten)) == (FirstIsContinuation | FirstIsOverwritten))
            return Text($"its flags are {flags:X4}, and {continued} bytes of a record go on in it");
        if (continued >= MostRecordBytes)
            return Text($"a record of {continued} bytes is said to go on in it");
        // A segment in which a timeline began has the pages of the timeline before, up to the one in which it forked.
        var timeline = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (timeline == 0 || timeline > origin.Timeline || timeline < seen.Timeline)
            return Text($"it is of timeline {timeline}, the WAL of timeline {origin.Timeline}{(seen.Timeline > 0 ? Text($", the page before of {seen.Timeline}") : "")}");
        var address = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        if (address != position)
            return Text($"its own address is {new Lsn(address)}");
        if (!isFirst)
            return null;
        var system = BinaryPrimitives.ReadUInt64LittleEndian(header[24..]);
        if (origin.SystemIdentifier != 0 && system != origin.SystemIdentifier)
            return Text($"it is of system identifier {system}, the cluster's is {origin.SystemIdentifier}");
        var segmentBytes = BinaryPrimitives.ReadUInt32LittleEndian(header[32..]);
        var pageBytes = BinaryPrimitives.ReadUInt32LittleEndian(header[36..]);
        return segmentBytes != origin.SegmentBytes || pageBytes != PageBytes
            ? Text($"it is of segments of {segmentBytes} bytes and pages of {pageBytes}, not of {origin.SegmentBytes} and {PageBytes}") : null;
    }

    private static ushort Word(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static ulong HeaderBytesAt(ulong page, long segmentBytes) => page % (ulong)segmentBytes == 0 ? LongHeaderBytes : (ulong)HeaderBytes;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
