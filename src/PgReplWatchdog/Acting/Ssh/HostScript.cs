using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>
/// A script for a host. One with a verb has a text that is always the same, and words: an sshd that lets the watchdog do nothing but such verbs knows both
/// (docs/decisions/0019). The first line of the command says what is asked for; a login shell passes over it, and runs the script behind it.
/// </summary>
public sealed partial record HostScript
{
    /// <summary>What a script may have before its own text, by the name of its file on a host.</summary>
    public static ImmutableArray<(string Name, string Text)> Libraries { get; } =
    [
        ("living", Shell.Living), ("ended", Shell.Ended), ("end-copy", Shell.EndCopy), ("node", SqlText.Of("Acting.node.sh")), ("server", SqlText.Of("Acting.server.sh")),
    ];

    private HostScript(string? verb, string body) => (Verb, Body) = (verb, body);

    /// <summary>Null for one of set-up's: a key that is bound to verbs does not run it.</summary>
    public string? Verb { get; }

    /// <summary>The script's own text.</summary>
    public string Body { get; }

    /// <summary>Names of those of <see cref="Libraries"/> that come before it.</summary>
    public ImmutableArray<string> Uses { get; init; } = [];

    /// <summary>What goes to its standard input, where that is always the same as well.</summary>
    public string? Input { get; init; }

    /// <summary>The variables that it finds set.</summary>
    public ImmutableArray<(string Name, ShellWord Word)> Words { get; private init; } = [];

    /// <summary>A verb that concerns no server; {0}, {1}, ... stand for the words.</summary>
    public static HostScript On(string verb, string body, params ReadOnlySpan<ShellWord> words) =>
        new(verb, Placeholder().Replace(body, "\"$$w${index}\""))
        {
            Words = [.. words.ToArray().Select((word, index) => (FormattableString.Invariant($"w{index}"), word))],
        };

    /// <summary>
    /// One that does nothing on another node's host, since an address may have moved, nor by a record that is older than the host's
    /// (node.sh, docs/decisions/0014 and 0017).
    /// </summary>
    public static HostScript OnNode(string verb, HostAccess host, string body, params ReadOnlySpan<ShellWord> words)
    {
        ArgumentNullException.ThrowIfNull(host);
        var script = On(verb, body, words);
        return script with { Uses = ["node"], Words = [("state", host.Node.StateDirectory), ("wanted", host.Node.Name), ("epoch", ShellWord.Number(host.Epoch)), .. script.Words] };
    }

    /// <summary>The same with the functions of server.sh, and $data, $bin and $log of the node's server.</summary>
    public static HostScript OnServer(string verb, HostAccess host, string body, params ReadOnlySpan<ShellWord> words)
    {
        var script = OnNode(verb, host, body, words);
        return script with { Uses = ["node", "server"], Words = [("data", host.Node.DataDirectory), ("bin", host.BinDirectory), ("log", host.ServerLog), .. script.Words] };
    }

    /// <summary>With what it finds before it, in the order in which it is run.</summary>
    public string Text => string.Concat(Uses.Select(name => Libraries.First(library => library.Name == name).Text.TrimEnd('\n') + '\n')) + Body;

    /// <summary>Its text and standard input, in short: two builds may mean different things by one verb.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text + Input)))[..16];

    /// <summary>As /bin/sh runs it.</summary>
    public override string ToString() => string.Concat(Words.Select(word => $"{word.Name}={word.Word.Quoted}\n")) + Text;

    /// <summary>The command's first line, which says what is asked for; nothing where the script has no verb.</summary>
    /// <param name="frame">What is printed before the answer.</param>
    /// <param name="deadline">By the host's clock (<see cref="HostClock"/>).</param>
    public string Request(string frame, long deadline) => Verb is null ? ""
        : FormattableString.Invariant($"{Begin} {frame} {deadline}{string.Concat(Words.Select(word => $" {word.Name}={word.Word.Encoded}"))}\n");

    /// <summary>What such a line has to be, as an extended regular expression.</summary>
    public string Rule => $"{Begin} [0-9a-f]{{32}} [0-9]{{1,19}}{string.Concat(Words.Select(word => $" {word.Name}={word.Word.Allowed}"))}";

    private string Begin => $": pgwatchdog {Verb} {Hash}";

    public static HostScript FromString(string script) => new(null, script);

    public static implicit operator HostScript(string script) => FromString(script);

    public static implicit operator string(HostScript script)
    {
        ArgumentNullException.ThrowIfNull(script);
        return script.ToString();
    }

    [GeneratedRegex(@"\{(?<index>[0-9]+)\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Placeholder();
}
