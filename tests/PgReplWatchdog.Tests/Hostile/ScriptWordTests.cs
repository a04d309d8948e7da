using System.Diagnostics;
using CsCheck;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Tests.Hostile;

/// <summary>Any word that is handed to a script comes back byte for byte: nothing in it is read as a part of the script.</summary>
public sealed class ScriptWordTests
{
    private const int Words = 3;

    private static readonly string[] Nasty =
    [
        "", "{0}", "{1}", "{2}", "ts{2};touch PWNED;:", "'", "\\", "\"", "$(touch PWNED)", "`touch PWNED`", "${IFS}", "a\nb", "-n", "--", "%s", "*", "~", "é\u202e𝄞", "'\\''{1}'",
    ];

    private static readonly Gen<string> Word = Gen.OneOf(
        Gen.String[Gen.Char['\u0001', '\u00ff'], 0, 30],
        Gen.Int[0, Nasty.Length - 1].Select(index => Nasty[index]),
        Gen.Select(Gen.Int[0, Words - 1], Gen.String[Gen.Char['\u0001', '\u007f'], 0, 10], (index, rest) => $"{{{index}}}{rest}"));

    [Fact]
    public void Words_of_a_script_come_back_as_they_were() =>
        Word.Array[Words].Sample(words => Print(Shell.Script("printf '%s\\0' {0} {1} {2}", words[0], words[1], words[2])) is var said && said.SequenceEqual(words), iter: 300, threads: 1);

    [Fact]
    public void Lists_of_words_come_back_as_they_were() =>
        Word.Array[Words].Sample(words => Print(Shell.Script("printf '%s\\0' {1} {0}", words[0], ShellWord.List(words))) is var said
            && said.SequenceEqual([.. words, words[0]]), iter: 300, threads: 1);

    [Fact]
    public void Words_of_a_script_for_a_node_come_back_as_they_were() => Word.Array[Words].Sample(words =>
    {
        var node = new NodeSpec("alpha", "localhost", 5432, "/nowhere" + words[2]);
        var host = new HostAccess(node, "/bin" + words[1], words[0], 22, []);
        var text = Shell.OnServer(host, "printf '%s\\0' \"$data\" \"$bin\" \"$log\" {0} {1}", words[0], words[1]);
        return Print(text).SequenceEqual(["/nowhere" + words[2], "/bin" + words[1], words[0], words[0], words[1]]);
    }, iter: 100, threads: 1);

    [Fact]
    public void Word_with_a_nul_is_refused() => Assert.Throws<ArgumentException>(() => Shell.Quote("a\0b"));

    /// <summary>The words that the script prints, each with a NUL behind it.</summary>
    private static string[] Print(string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script]) { RedirectStandardOutput = true, WorkingDirectory = Path.GetTempPath() })!;
        var said = shell.StandardOutput.ReadToEnd();
        shell.WaitForExit();
        return said.Split('\0')[..^1];
    }
}
