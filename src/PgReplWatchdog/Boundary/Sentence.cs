using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Boundary;

/// <summary>How much of what a host, a server or a client says is told: on a screen, in a log, on record.</summary>
public static class Sentence
{
    /// <summary>Characters of what is kept and shown.</summary>
    public const int Limit = 500;

    /// <summary>Characters of what a command prints once, with the last lines of a server's log in it.</summary>
    public const int LongLimit = 4_000;

    private const string More = " [...]";

    /// <summary>The text, cut where it is longer; control characters but line feed as pictures.</summary>
    public static string Of(string text, int limit = Limit)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length <= limit)
            return Printable.Of(text);
        var end = limit - More.Length;
        if (char.IsHighSurrogate(text[end - 1]))
            end--; // never half of a character
        return Printable.Of(text[..end]) + More;
    }
}
