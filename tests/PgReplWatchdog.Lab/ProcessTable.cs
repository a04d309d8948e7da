using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>What /proc says about processes.</summary>
internal static class ProcessTable
{
    /// <summary>The state letter of a process, or null when there is none.</summary>
    public static char? State(int pid) => Read(pid)?.State;

    /// <summary>All living processes below the given one. Zombies are not counted: they do nothing any more.</summary>
    public static IReadOnlyList<int> Descendants(int root)
    {
        var children = Directory.EnumerateDirectories("/proc")
            .Select(Path.GetFileName)
            .Select(name => int.TryParse(name, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
            .Select(pid => (Pid: pid, Stat: pid == 0 ? null : Read(pid)))
            .Where(process => process.Stat is { State: not 'Z' and not 'X' })
            .ToLookup(process => process.Stat!.Value.Parent, process => process.Pid);
        var found = new List<int>();
        var open = new Queue<int>([root]);
        while (open.TryDequeue(out var pid))
        {
            found.AddRange(children[pid]);
            foreach (var child in children[pid])
                open.Enqueue(child);
        }

        return found;
    }

    /// <summary>Whether it is process 1 of a process namespace below ours.</summary>
    public static bool IsInit(int pid)
    {
        try
        {
            var numbers = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("NSpid:", StringComparison.Ordinal)).Split('\t')[1..];
            return numbers.Length > 1 && numbers[^1] == "1";
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The process's working directory, or null when the process is gone (also as a zombie) or not ours to see.</summary>
    public static string? WorkingDirectory(int pid)
    {
        try
        {
            return new FileInfo($"/proc/{pid}/cwd").LinkTarget;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static (char State, int Parent)? Read(int pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            // The name stands in brackets and may contain anything, so what follows counts from the last bracket.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
