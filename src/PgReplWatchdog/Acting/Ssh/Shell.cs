using System.Globalization;
using System.Text.RegularExpressions;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>The one place where words become arguments of a shell command.</summary>
public static partial class Shell
{
    /// <summary>The word as a shell reads it back: any character but NUL, which no argument can hold.</summary>
    /// <exception cref="ArgumentException">There is a NUL in it.</exception>
    public static string Quote(string word)
    {
        ArgumentNullException.ThrowIfNull(word);
        if (word.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("a word of a shell command cannot hold a NUL character", nameof(word));
        return $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
    }

    /// <summary>
    /// A function that prints the processes of PostgreSQL that work on the directory in $data: told by their working directory and their name, so that neither an
    /// administrator's shell there nor a postmaster that is gone misleads. Another account's processes cannot be seen. One that has been sent SIGKILL and waits for a disk that hangs
    /// (proc(5), status: SigPnd, ShdPnd) does nothing any more, whenever the disk answers: it is dead. Forks for none but those: a busy server has a thousand processes.
    /// </summary>
    public const string Living = """
        living() {
          for process in /proc/[0-9]*; do
            [ "$process/cwd" -ef "$data" ] && { read -r name < "$process/comm" && read -r _ _ is _ < "$process/stat"; } 2>/dev/null || continue
            case $name in postgres | postmaster) ;; *) continue ;; esac
            [ "$is" = D ] && grep -qs '^S[hi][dg]Pnd:.*[13579bdf]..$' "$process/status" || echo "${process#/proc/}"
          done
        }
        """;

    /// <summary>
    /// A function that waits for what writes in the background, so many hundredths of a second: 0 it is done, 1 it failed, 2 storage hangs. A process that writes to a disk that does
    /// not answer cannot even be killed.
    /// </summary>
    public const string Ended = """
        ended() {
          waited=0
          while { read -r _ _ is _ < "/proc/$1/stat"; } 2>/dev/null && [ "$is" != Z ]; do
            [ $waited -lt "$2" ] || return 2
            waited=$((waited + 1))
            sleep 0.01
          done
          wait "$1" || return 1
        }
        """;

    /// <summary>
    /// A function that ends a copy into a directory that still goes on: it outlives its SSH session, and pg_basebackup's child that receives WAL outlives its parent and would write into the
    /// next copy. Each of a copy's processes is told by <see cref="CopyMark"/> in its environment, which a child inherits (proc(5), environ).
    /// </summary>
    public const string EndCopy = $$"""
        end_copy() {
          tries=0
          while copying=$(grep -lsxzF -e "{{CopyMark}}=$1" /proc/[0-9]*/environ | cut -d / -f 3); [ -n "$copying" ]; do
            [ $tries -lt 200 ] || { echo "an earlier copy into $1 goes on and does not end: end its processes ("$copying"), then try again" >&2; return 1; }
            kill $copying 2> /dev/null
            tries=$((tries + 1))
            sleep 0.1
          done
        }
        """;

    /// <summary>The variable that holds the directory into which a process copies.</summary>
    public const string CopyMark = "PGWATCHDOG_COPY";

    /// <summary>
    /// A script that does nothing on another node's host, since an address may have moved, nor by a record that is older than the host's
    /// (node.sh, docs/decisions/0014 and 0017).
    /// </summary>
    public static string OnNode(HostAccess host, string script, params ReadOnlySpan<ShellWord> words)
    {
        ArgumentNullException.ThrowIfNull(host);
        return Script("state={0} wanted={1} epoch={2}\n", host.Node.StateDirectory, host.Node.Name, FormattableString.Invariant($"{host.Epoch}"))
            + SqlText.Of("Acting.node.sh") + Script(script, words);
    }

    /// <summary>The same with the functions of server.sh, and $data, $bin and $log of the node's server.</summary>
    public static string OnServer(HostAccess host, string script, params ReadOnlySpan<ShellWord> words)
    {
        ArgumentNullException.ThrowIfNull(host);
        return OnNode(host, "data={0} bin={1} log={2}\n", host.Node.DataDirectory, host.BinDirectory, host.ServerLog) + SqlText.Of("Acting.server.sh") + Script(script, words);
    }

    /// <summary>
    /// A script with {0}, {1}, ... replaced by quoted words, in one pass: what a word holds is never replaced again. A placeholder
    /// without a word stays as it is.
    /// </summary>
    public static string Script(string script, params ReadOnlySpan<ShellWord> words)
    {
        var given = words.ToArray();
        return Placeholder().Replace(script, found =>
            int.TryParse(found.Groups["index"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < given.Length
                ? given[index].Quoted : found.Value);
    }

    [GeneratedRegex(@"\{(?<index>[0-9]+)\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Placeholder();
}
