using System.Globalization;
using System.Text;
using System.Text.Json;
using CsCheck;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Boundary;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// Every parser of what a host or a server says, fed with honest answers that were changed at random, and with noise: none of
/// them fails, and what they make of it is bounded. PGWATCHDOG_FUZZ is how often; `make test-all` has it at 1,000,000.
/// </summary>
public sealed class ParserFuzzTests
{
    private const int Usual = 10_000;
    private const int LongestObservation = 64 * 1024;

    private const string Evidence = """
        postmaster=yes
        answer=0
        processes=8
        standby_signal=yes
        detach=not_included
        control_state=in production
        blocked=yes
        blocked_by=guard
        guard_block=# Put here by the guard of PgReplWatchdog (v1) at 2026-01-01T00:00:00Z. # It stopped PostgreSQL: nobody acknowledged. # While
        trigger_file=/var/lib/postgresql/15/main.pgwatchdog/promote
        free_kilobytes=123456
        filling=pg_wal 1234 kB  base 99 kB
        job_epoch=3
        job_status=1
        job_words=pg_rewind: fatal: could not connect
        writable=yes
        trigger=yes
        epoch=3 alpha
        history=3 1 0/3000000 2 1/4000000
        """;

    private static readonly string[] Seeds =
    [
        Evidence, "guard 0123abcd 4567cdef alpha=0/3000000 beta=1F/20\nread\n", "read\n", "3 1 0/3000000 2 1/4000000", "3 alpha", "15.4", "9.6.24", "150004", "123.45 678.90\n", "0/3000000",
        "FIRST 2 (a, \"b c\", *)", "ANY 1 (\"\"\"\", x)", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJwzCsXUUPMYYkWDjbcrHPYPYBzQyX3FTsl7Y5L7jHdz comment",
        "# Put here by the guard of PgReplWatchdog (v1) at 2026-01-01T00:00:00Z. # It stopped PostgreSQL: a reason. # While",
    ];

    private static readonly string[] Words =
        ["=", "\n", "\0", "-1", "0", "18446744073709551616", "99999999999999999999999999", "1e9", "NaN", "\u001b[2J", "\u202e", "é", "\ud83d\ude00", "yes", " ", "/", "FFFFFFFF/FFFFFFFF", "'", "\"", "(", ","];

    private static readonly GuardQuestion Question = new("beta", 1, new Lsn(0x3000000));

    /// <summary>An honest text with up to twenty changes, and sometimes very long.</summary>
    private static readonly Gen<string> Said = Gen.Select(Gen.Int[0, Seeds.Length - 1], Gen.Int[0, 20], Gen.Int[0, int.MaxValue], (seed, changes, random) =>
    {
        var chance = new Random(random);
        var text = new StringBuilder(Seeds[seed]);
        for (var change = 0; change < changes; change++)
        {
            var at = chance.Next(text.Length + 1);
            switch (chance.Next(5))
            {
                case 0:
                    text.Insert(at, Words[chance.Next(Words.Length)]);
                    break;
                case 1:
                    text.Remove(at, chance.Next(text.Length - at + 1));
                    break;
                case 2:
                    text.Insert(at, (char)chance.Next(0x10000));
                    break;
                case 3:
                    text.Insert(at, text.ToString(0, at));
                    break;
                default:
                    text.Insert(at, Words[chance.Next(Words.Length)], chance.Next(chance.Next(10) == 0 ? 20_000 : 20));
                    break;
            }
            if (text.Length > 4 * LongestObservation)
                text.Length = 4 * LongestObservation;
        }
        return text.ToString();
    });

    private static int Times => int.TryParse(Environment.GetEnvironmentVariable("PGWATCHDOG_FUZZ"), CultureInfo.InvariantCulture, out var times) ? times : Usual;

    [Fact]
    public void No_parser_fails_and_what_it_makes_is_bounded() => Said.Sample(text =>
    {
        var seen = HostProber.Read("beta", text, TimeSpan.Zero);
        var answer = new HostAnswer(text);
        _ = (answer.Number("processes"), answer.SmallNumber("answer"), answer.Words("job_words"), answer.Text("history", 10), TryUnit(answer), TryAddress(answer));
        _ = (TimelineHistory.Parse(text), EpochMark.Parse(text), GuardBlock.Parse(text), PostgresVersion.Parse(text), Lsn.TryParse(text, out _), HostClock.Read(text, 0));
        _ = (SynchronousStandbys.Parse(text), PublicKey.Parse(text), GuardMessages.Read(Question, text));
        return JsonSerializer.Serialize(seen, Json.Options).Length <= LongestObservation && Sentence.Of(text).Length <= Sentence.Limit
            && seen is { Processes: null or >= 0, FreeBytes: null or >= 0 };
    }, iter: Times, threads: 1);

    private static string? TryUnit(HostAnswer answer) => Try(() => answer.Unit("job_words"));

    private static string? TryAddress(HostAnswer answer) => Try(() => answer.Address("epoch") + answer.Path("trigger_file"));

    /// <summary>The one exception that these two have.</summary>
    private static string? Try(Func<string?> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
