using System.Text.RegularExpressions;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Observing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>The guard's messages in the WAL that a standby has received (docs/decisions/0013). Setup/guard.sh writes them.</summary>
public static partial class GuardMessages
{
    /// <summary>
    /// Prints the words of the newest message behind a position, and that the WAL was read. Any role may write a message: only
    /// one that is signed as the guard signs it counts.
    /// </summary>
    public static HostScript Script(HostAccess host, GuardQuestion question, string watchdogRole, string timeout) => HostScript.OnServer("guard-messages", host, """
        export LC_ALL=C
        role={0}
        [ -x "$bin/pg_waldump" ] || exit 0
        said=$(timeout {1} "$bin/pg_waldump" -p "$data/pg_wal" -t {2} -s {3} \
          --rmgr=LogicalMessage 2> /dev/null |
          sed -n 's/.* prefix "pgwatchdog \([A-Za-z0-9_.=/ -]* [0-9a-f]\{64\}\)"; .*/\1/p' | tail -n 1)
        if [ -n "$said" ]; then
          signed=$(ask "SELECT encode(sha256(convert_to(rolpassword || '${said% *}', 'UTF8')), 'hex')
            FROM pg_authid WHERE rolname = '$role'") || exit 1
          [ "$signed" != "${said##* }" ] || echo "guard ${said% *}"
        fi
        echo read
        """, watchdogRole, ShellWord.Seconds(timeout), ShellWord.Number(question.Timeline), ShellWord.Position(question.After));

    /// <summary>Null where the WAL was not read, or the answer cannot be understood.</summary>
    public static GuardTestimony? Read(GuardQuestion question, string output)
    {
        ArgumentNullException.ThrowIfNull(question);
        ArgumentNullException.ThrowIfNull(output);
        var answer = Answer().Match(output);
        if (!answer.Success)
            return null;
        if (!answer.Groups["id"].Success)
            return new GuardTestimony(question.Node, question.After);
        // A connection that is gone may stand beside its successor: the lesser position holds for both.
        var flushed = answer.Groups["flushed"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(word => word.Split('=')).Where(pair => pair[0] == question.Node)
            .Select(pair => (Lsn?)Lsn.Parse(pair[1])).Min();
        return new GuardTestimony(
            question.Node, question.After, answer.Groups["id"].Value, answer.Groups["owner"].Value.Trim('-'), flushed);
    }

    [GeneratedRegex(
        @"\A(guard (?<id>[0-9a-f]{8}) (?<owner>-|[0-9a-f]{8})"
            + @"(?<flushed>( [A-Za-z0-9_.-]{1,64}=[0-9A-F]{1,8}/[0-9A-F]{1,8})*)\n)?read\n?\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Answer();
}
