using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>
/// A node alpha with the archive script, to which rsync pushes as beta (or another peer) through what sshd would run. PostgreSQL is only its files: alpha is a
/// standby of beta, version 15, on timeline 2, has replayed up to 0/5000000, and has segments of 1 MiB.
/// </summary>
internal sealed class ArchiveNode : IDisposable
{
    public const int SegmentBytes = 1 << 20;
    private const ulong System = 7301234567890123456;
    private const string FollowsBeta = "primary_conninfo = 'host=''10.0.0.2'' port=5433 user=''replication'' passfile=''/x y/passfile'' connect_timeout=5'\n";

    private readonly string root = Directory.CreateTempSubdirectory("pgwatchdog-archive-").FullName;

    public ArchiveNode()
    {
        foreach (var directory in new[] { "state/wal/incoming", "data/pg_wal", "bin", "sent" })
            Directory.CreateDirectory(Path.Combine(root, directory));
        File.Copy(Path.Combine(Repository.Root, "src/PgReplWatchdog/Setup/archive.sh"), State("archive"));
        Write("state/archive.conf", $"directory='{Archive}'\npeers='beta gamma'\nkeep=16\nbin='{root}/bin'\ndata='{root}/data'\naddresses='beta 5433 10.0.0.2\ngamma 5432 10.0.0.3'\n");
        // What stands for ssh: the forced command of the peer's line in authorized_keys. Where rsync fails it kills ssh, but nothing at the other end.
        Program("ssh", $"shift\ntrap '' USR1\nSSH_ORIGINAL_COMMAND=\"$*\" PATH={root}/bin:$PATH exec /bin/sh {State("archive")} serve ${{PEER-beta}}");
        Standby(FollowsBeta);
        Control();
    }

    public string Archive => State("wal");

    public string Refused => File.Exists(State("archive.refused")) ? File.ReadAllText(State("archive.refused")) : "";

    /// <summary>All that the archive holds, what is left in incoming as well.</summary>
    public string[] Files => [.. Directory.EnumerateFiles(Archive, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Archive, file)).Order(StringComparer.Ordinal)];

    public void Standby(string settings)
    {
        Write("data/PG_VERSION", "15\n");
        Write("data/standby.signal", "");
        Write("data/pgwatchdog.conf", "wal_level = 'replica'\n" + settings);
    }

    public void StandbyBeforeTwelve(string version)
    {
        Primary(version);
        Write("data/recovery.conf", "standby_mode = 'on'\n" + FollowsBeta);
    }

    public void Primary(string version = "15")
    {
        File.Delete(Path.Combine(root, "data/standby.signal"));
        Write("data/PG_VERSION", version + "\n");
    }

    public void Control(int timeline = 2, string checkpoint = "0/4000000", string minimum = "0/5000000", int minimumTimeline = 2) => Program("pg_controldata", $"""
        cat << END
        Database system identifier:           {System}
        Latest checkpoint location:           {checkpoint}
        Latest checkpoint's TimeLineID:       {timeline}
        Minimum recovery ending location:     {minimum}
        Min recovery ending loc's timeline:   {minimumTimeline}
        Bytes per WAL segment:                {SegmentBytes}
        END
        """);

    public void Write(string path, string text) => File.WriteAllText(Path.Combine(root, path), text);

    /// <summary>A program that the script finds before the system's.</summary>
    public void Program(string name, string script)
    {
        var path = Path.Combine(root, "bin", name);
        File.WriteAllText(path, "#!/bin/sh\n" + script + "\n");
        using var chmod = Process.Start("chmod", ["700", path]);
        chmod.WaitForExit();
    }

    /// <summary>A segment as PostgreSQL begins it, with the name that belongs to it.</summary>
    public static byte[] Segment(string name, int bytes = SegmentBytes)
    {
        var segment = new byte[bytes];
        BinaryPrimitives.WriteUInt32LittleEndian(segment, 0x2D110);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(4), uint.Parse(name[..8], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        var number = uint.Parse(name[16..24], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        BinaryPrimitives.WriteUInt64LittleEndian(segment.AsSpan(8), (ulong)number * SegmentBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(segment.AsSpan(24), System);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(32), SegmentBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(segment.AsSpan(36), 8192);
        return segment;
    }

    public (int Status, string Error) Push(string name, string text, string? peer = "beta") => Push(name, global::System.Text.Encoding.Latin1.GetBytes(text), peer);

    public (int Status, string Error) Push(string name, byte[] content, string? peer = "beta")
    {
        var file = Path.Combine(root, "sent/file");
        File.WriteAllBytes(file, content);
        var sum = Convert.ToHexStringLower(global::System.Security.Cryptography.SHA256.HashData(content));
        return Run("rsync", ["-W", "-e", Path.Combine(root, "bin/ssh"), file, $"alpha:{name}.{sum}"], peer);
    }

    /// <summary>What the script does for alpha's own PostgreSQL; its ssh leads to a node that has the files.</summary>
    public (int Status, string Error) Fetch(string name, string from)
    {
        Program("rsync", $"while [ $# -gt 2 ]; do shift; done\ncp '{from}' \"$2\"");
        return Run("/bin/sh", [State("archive"), "fetch", name], "beta");
    }

    /// <summary>What archive_command does where the other node's answer is that.</summary>
    public (int Status, string Error) PushOwn(string name, string answer, int status)
    {
        Program("rsync", $"echo '{answer}' >&2\nexit {status}");
        return Run("/bin/sh", [State("archive"), "push", Sent(Segment(name)), name], "beta");
    }

    /// <summary>The nodes that are left alone for a while, as if their hosts did not answer.</summary>
    public int Away => Directory.GetFiles(State(""), "archive.away.*").Length;

    public string Sent(byte[] content)
    {
        File.WriteAllBytes(Path.Combine(root, "sent/file"), content);
        return Path.Combine(root, "sent/file");
    }

    private string State(string file) => Path.Combine(root, "state", file);

    private (int Status, string Error) Run(string program, string[] arguments, string? peer)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, WorkingDirectory = root };
        info.Environment["PEER"] = peer ?? "";
        info.Environment["PATH"] = $"{root}/bin:{Environment.GetEnvironmentVariable("PATH")}";
        using var process = Process.Start(info)!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);
}
