using System.Text.RegularExpressions;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>What every answer to a mistake has in common.</summary>
internal static partial class Expect
{
    /// <summary>The command ended with this code and said all of this on standard error, without a stack trace.</summary>
    public static ProductResult Says(this ProductResult result, int exitCode, params string[] words)
    {
        result.HasNoStackTrace();
        foreach (var word in words)
            Assert.Contains(word, result.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        return result;
    }

    /// <summary>As <see cref="Says"/>, for commands that show their answer in a table on standard output.</summary>
    public static ProductResult Shows(this ProductResult result, int exitCode, params string[] words)
    {
        result.HasNoStackTrace();
        foreach (var word in words)
            Assert.Contains(word, result.Output, StringComparison.Ordinal);
        Assert.Equal(exitCode, result.ExitCode);
        return result;
    }

    /// <summary>One mistake, one line: nothing that only follows from it.</summary>
    public static ProductResult InOneLine(this ProductResult result)
    {
        Assert.Single(result.Lines());
        return result;
    }

    /// <summary>What it said, but for set-up's assurance at the end.</summary>
    public static string[] Lines(this ProductResult result) =>
        [.. result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line != "nothing was changed")];

    public static void HasNoStackTrace(this ProductResult result) => HasNoStackTrace($"{result.Output}{result.Error}");

    public static void HasNoStackTrace(string text)
    {
        Assert.DoesNotMatch(StackFrame(), text);
        Assert.DoesNotContain("Exception", text, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"^\s+at \S+\(.*", RegexOptions.Multiline)]
    private static partial Regex StackFrame();
}
