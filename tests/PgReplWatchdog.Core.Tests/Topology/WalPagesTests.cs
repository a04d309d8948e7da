using System.Buffers.Binary;
using System.Text;
using CsCheck;
using PgReplWatchdog.Core.Tests.Properties;

namespace PgReplWatchdog.Core.Tests.Topology;

public class WalPagesTests
{
    private const int Mebibyte = 1 << 20;
    private const ulong System = 7_301_234_567_890_123_456;
    private const ulong Segment3 = 3 * 16UL * Mebibyte;

    private static readonly WalOrigin Origin = new(2, System, 16 * Mebibyte);

    /// <summary>Pages as PostgreSQL 15 writes them; in every second one a record goes on.</summary>
    private static byte[] Pages(ulong first, int count, uint timeline = 2, ushort magic = 0xD110)
    {
        var bytes = new byte[count * WalPages.PageBytes];
        for (var page = 0; page < count; page++)
        {
            var header = bytes.AsSpan(page * WalPages.PageBytes);
            var position = first + (ulong)(page * WalPages.PageBytes);
            var isFirst = position % (ulong)Origin.SegmentBytes == 0;
            var isContinued = page % 2 == 1;
            BinaryPrimitives.WriteUInt16LittleEndian(header, magic);
            BinaryPrimitives.WriteUInt16LittleEndian(header[2..], (ushort)((isContinued ? 1 : 0) | (isFirst ? 2 : 0)));
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], timeline);
            BinaryPrimitives.WriteUInt64LittleEndian(header[8..], position);
            BinaryPrimitives.WriteUInt32LittleEndian(header[16..], isContinued ? 100U : 0);
            header[WalPages.LongHeaderBytes..WalPages.PageBytes].Fill(0xA5);
            if (!isFirst)
                continue;
            BinaryPrimitives.WriteUInt64LittleEndian(header[24..], System);
            BinaryPrimitives.WriteUInt32LittleEndian(header[32..], (uint)Origin.SegmentBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(header[36..], WalPages.PageBytes);
        }
        return bytes;
    }

    private static string? Fault(byte[] bytes, ulong first = Segment3, long pages = 4, WalTrail seen = default) =>
        WalPages.Check(bytes, new Lsn(first), pages, Origin, seen).Fault;

    [Theory]
    [InlineData(Segment3)]
    [InlineData(Segment3 + (5 * WalPages.PageBytes))]
    [InlineData(Segment3 + (16UL * Mebibyte) - (2 * WalPages.PageBytes))]
    public void Pages_of_this_WAL_are_accepted(ulong first) => Assert.Null(Fault(Pages(first, 4), first));

    [Fact]
    public void Greeting_before_the_pages_is_refused()
    {
        var pages = Pages(Segment3, 4);
        var greeted = Encoding.Latin1.GetBytes("Welcome to the database host\n").Concat(pages).ToArray();
        Assert.Contains("32797 bytes of WAL came where 32768 were asked for", Fault(greeted), StringComparison.Ordinal);
        Assert.Contains("its magic number is 6557", Fault(greeted[..pages.Length]), StringComparison.Ordinal);
        Assert.NotNull(Fault(pages[..^1]));
        Assert.NotNull(Fault([]));
    }

    [Theory]
    [InlineData(0, 0x10D11, 2, "its magic number is 0D11")]
    [InlineData(0, 0xD113, 2, "its magic number is D113, that of the page before D110")]
    [InlineData(2, 0x11, 2, "its flags are 0011")]
    [InlineData(2, 0x3, 2, "its flags are 0003")] // a long header that is not at a segment's beginning
    [InlineData(2, 0x0, 2, "its flags are 0000, and 100 bytes")]
    [InlineData(2, 0x9, 2, "its flags are 0009")]
    [InlineData(4, 0, 4, "it is of timeline 0")]
    [InlineData(4, 1, 4, "it is of timeline 1, the WAL of timeline 2, the page before of 2")]
    [InlineData(4, 3, 4, "it is of timeline 3")]
    [InlineData(8, 0x5000000, 8, "its own address is 0/5000000")]
    [InlineData(16, 0x40000000, 4, "a record of 1073741824 bytes")]
    [InlineData(16, 0, 4, "its flags are 0001, and 0 bytes")]
    public void Page_with_a_wrong_header_is_refused(int offset, ulong value, int length, string words)
    {
        var bytes = Pages(Segment3, 4);
        Put(bytes, (3 * WalPages.PageBytes) + offset, value, length);
        Assert.Contains(words, Fault(bytes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(24, 1, 8, "it is of system identifier 1, the cluster's is 7301234567890123456")]
    [InlineData(32, Mebibyte, 4, "it is of segments of 1048576 bytes and pages of 8192")]
    [InlineData(36, 4096, 4, "pages of 4096")]
    [InlineData(2, 0, 2, "its flags are 0000")] // without the long header
    public void First_page_of_another_WAL_is_refused(int offset, ulong value, int length, string words)
    {
        var bytes = Pages(Segment3, 4);
        Put(bytes, offset, value, length);
        Assert.Contains(words, Fault(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void Page_behind_the_end_of_WAL_is_refused_zero_or_recycled()
    {
        var bytes = Pages(Segment3, 4);
        bytes.AsSpan(3 * WalPages.PageBytes).Clear();
        Assert.Contains("the page of WAL at 0/3006000 is none: its magic number is 0000", Fault(bytes), StringComparison.Ordinal);
        Pages(Segment3 - (16UL * Mebibyte), 4).AsSpan(3 * WalPages.PageBytes).CopyTo(bytes.AsSpan(3 * WalPages.PageBytes));
        Assert.Contains("its own address is 0/2006000", Fault(bytes), StringComparison.Ordinal);
    }

    [Fact]
    public void Pages_before_the_fork_keep_the_older_timeline()
    {
        byte[] bytes = [.. Pages(Segment3, 2, timeline: 1), .. Pages(Segment3 + (2 * WalPages.PageBytes), 2)];
        Assert.Null(Fault(bytes));
        Assert.Equal(new WalTrail(0xD110, 2), WalPages.Check(bytes, new Lsn(Segment3), 4, Origin, default).Seen);
    }

    [Fact]
    public void Pages_fit_to_those_before_them()
    {
        Assert.Null(Fault(Pages(Segment3, 4), seen: new WalTrail(0xD110, 1)));
        Assert.NotNull(Fault(Pages(Segment3, 4), seen: new WalTrail(0xD10D, 1)));
        Assert.NotNull(Fault(Pages(Segment3, 4, timeline: 1), seen: new WalTrail(0xD110, 2)));
    }

    [Theory]
    [InlineData("0/3000028", 30U, "0/3000048")] // aligned
    [InlineData("0/3001FF8", 8U, "0/3002000")] // fills its page
    [InlineData("0/3001FF8", 9U, "0/3002020")] // one byte more: behind the next page's header
    [InlineData("0/3001000", 20480U, "0/3006048")] // over two whole pages
    [InlineData("0/3FFFFF8", 16U, "0/4000030")] // behind a long header
    [InlineData("0/3002000", 24U, "0/3002030")] // told by the page's beginning
    [InlineData("FFFFFFFF/FFFFFFF8", 16U, "0/30")] // nonsense, and no loop without end
    public void Record_ends_behind_the_headers_of_its_pages(string start, uint length, string end) =>
        Assert.Equal(Lsn.Parse(end), WalPages.EndOf(Lsn.Parse(start), length, 16 * Mebibyte));

    [Theory]
    [InlineData(0, false)]
    [InlineData(-1, false)]
    [InlineData(Mebibyte / 2, false)]
    [InlineData(Mebibyte, true)]
    [InlineData((16 * Mebibyte) + 1, false)]
    [InlineData(16 * Mebibyte, true)]
    [InlineData(1L << 30, true)]
    [InlineData(1L << 31, false)]
    public void Segment_size_is_a_power_of_two_that_PostgreSQL_allows(long bytes, bool isOne) => Assert.Equal(isOne, WalPages.IsSegmentSize(bytes));

    /// <summary>The header's bytes but for flags, timeline and a continued record's length, which have more than one right value.</summary>
    private static readonly int[] Exact = [0, 1, 3, .. Enumerable.Range(8, 8)];

    [Fact]
    public void Changed_header_is_refused_whatever_the_change() =>
        Gen.Select(Gen.Int[0, 7], Gen.Int[0, Exact.Length - 1], Gen.Byte[1, 255], Gen.Int[0, 2047]).Hold(3000, sample =>
        {
            var (page, offset, change, first) = sample;
            var begin = Segment3 + ((ulong)first * WalPages.PageBytes);
            var bytes = Pages(begin, 8);
            bytes[(page * WalPages.PageBytes) + Exact[offset]] ^= change;
            Assert.NotNull(Fault(bytes, begin, 8));
        });

    [Fact]
    public void Shifted_pages_are_refused_by_any_number_of_bytes() => Gen.Select(Gen.Int[1, (3 * WalPages.PageBytes) - 1], Gen.Byte).Hold(1000, sample =>
    {
        var (shift, filler) = sample;
        var bytes = Enumerable.Repeat(filler, shift).Concat(Pages(Segment3, 4)).Take(4 * WalPages.PageBytes).ToArray();
        Assert.NotNull(Fault(bytes));
    });

    [Fact]
    public void Any_bytes_are_answered_without_an_exception() => Gen.Select(Gen.Byte.Array[0, 100], Gen.ULong, Gen.Long[0, 3]).Hold(1000, sample =>
    {
        var (bytes, first, pages) = sample;
        var whole = new byte[pages * WalPages.PageBytes];
        bytes.AsSpan(0, Math.Min(bytes.Length, whole.Length)).CopyTo(whole);
        Assert.Equal(pages > 0, Fault(whole, first / WalPages.PageBytes * WalPages.PageBytes, pages) is not null);
    });

    private static void Put(byte[] bytes, int at, ulong value, int length)
    {
        for (var index = 0; index < length; index++)
            bytes[at + index] = (byte)(value >> (8 * index));
    }
}
