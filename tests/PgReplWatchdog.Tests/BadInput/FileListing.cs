using System.Globalization;
using System.Security.Cryptography;

namespace PgReplWatchdog.Tests.BadInput;

/// <summary>Everything below a directory, one line each with mode, size and checksum: two of them are equal if nothing was touched.</summary>
internal static class FileListing
{
    public static string Of(string directory, params string[] without) => string.Join('\n',
        new DirectoryInfo(directory).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Select(entry => (Path: Path.GetRelativePath(directory, entry.FullName), Entry: entry))
            .Where(found => !without.Any(name => found.Path == name || found.Path.StartsWith(name + "/", StringComparison.Ordinal)))
            .OrderBy(found => found.Path, StringComparer.Ordinal)
            .Select(found => Line(found.Path, found.Entry)));

    private static string Line(string path, FileSystemInfo entry)
    {
        var what = entry switch
        {
            { LinkTarget: { } target } => $"-> {target}",
            FileInfo { UnixFileMode: var mode } file when Regular(mode) => string.Create(CultureInfo.InvariantCulture, $"{file.Length} {Checksum(file)}"),
            _ => "",
        };
        return $"{path} {entry.UnixFileMode} {what}".TrimEnd();
    }

    private static bool Regular(UnixFileMode mode) => mode != UnixFileMode.None;

    private static string Checksum(FileInfo file)
    {
        using var content = file.OpenRead();
        return Convert.ToHexString(SHA256.HashData(content));
    }
}
