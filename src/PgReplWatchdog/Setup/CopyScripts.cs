using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>What a copy of the primary takes on the hosts, in POSIX shell. Each may be run twice.</summary>
public static class CopyScripts
{
    /// <summary>Reads, and only reads, what is in the directories: "nameNUMBER=value", a line each.</summary>
    public static string TablespaceFacts(NodeSpec node, IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(node);
        return Shell.Script("""
            index=0
            for path in {2}; do
              if [ -d "$path" ]; then
                if entries=$(ls -A "$path" 2> /dev/null); then
                  [ -z "$entries" ] && echo "entries$index=0" || echo "entries$index=$(echo "$entries" | wc -l)"
                  if [ -w "$path" ]; then echo "writable$index=yes"; fi
                else
                  echo "entries$index=0"
                fi
                parent=${path%/*}
                if [ -L "$path" ]; then echo "immovable$index=a symbolic link"
                elif mountpoint -q "$path" 2> /dev/null; then echo "immovable$index=a mount point"
                elif [ ! -w "${parent:-/}" ]; then echo "immovable$index=in a directory that PostgreSQL's account may not write to"; fi
              elif [ -e "$path" ] || [ -L "$path" ]; then
                printf '%s\n' "entries$index=1" "writable$index=yes"
              else
                parent=${path%/*}
                if [ -d "${parent:-/}" ] && [ -w "${parent:-/}" ]; then echo "writable$index=yes"; fi
              fi
              own=
              for link in {0}/pg_tblspc/*; do
                if [ "$(readlink "$link")" = "$path" ]; then own=yes; fi
              done
              if [ -n "$own" ]; then echo "own$index=yes"
              elif grep -qsxF -- "$path" {1}/copy.tablespaces; then echo "claimed$index=yes"; fi
              index=$((index + 1))
            done
            """, node.DataDirectory, node.StateDirectory, ShellWord.List(paths));
    }

    /// <summary>
    /// Makes a tablespace's directory and writes down that it is a copy's, so that a later run may go on with what is in it. What former data has there is moved aside,
    /// and that data's own link with it.
    /// </summary>
    public static string PrepareTablespace(NodeSpec node, string path, string? moveAsideTo)
    {
        ArgumentNullException.ThrowIfNull(node);
        return Shell.Script("""
            if [ {1} != {2} ] && [ -e {1} ]; then
              mv {1} {2} || exit 1
              for link in {0}/pg_tblspc/*; do
                [ "$(readlink "$link")" != {1} ] || ln -sfn {2} "$link" || exit 1
              done
            fi
            [ -d {1} ] || mkdir -m 0700 {1} || exit 1
            [ -z "$(ls -A {1})" ] || { echo {1}" is not empty any more: run setup again" >&2; exit 1; }
            chmod 0700 {1} && echo {1} >> {3}/copy.tablespaces
            """, node.DataDirectory, path, moveAsideTo ?? path, node.StateDirectory);
    }

    /// <summary>A copy into this directory that an earlier run has left at work is ended first; the script's own processes are known for one to the next run.</summary>
    private static string Copying(string into, string script)
        => Shell.EndCopy + Shell.Script($"\nexport LC_ALL=C\nend_copy {{0}} || exit 1\nexport {Shell.CopyMark}={{0}}\nexec /bin/sh -c {{1}}\n", into, script);

    public static string BaseBackup(HostAccess host, SetupStep.CopyFromPrimary copy, string connection)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(copy);
        var moved = copy.Tablespaces.Where(tablespace => tablespace.From != tablespace.To).SelectMany(tablespace => new[] { "-T", $"{Escape(tablespace.From)}={Escape(tablespace.To)}" });
        return Copying(copy.Into, Shell.Script("""
            rm -rf {1} || exit 1
            for target in {4}; do
              grep -qxF -- "$target" {1}.tablespaces || { echo "$target was not prepared for the copy: run setup again" >&2; exit 1; }
              find "$target" -mindepth 1 -delete || exit 1
            done
            export PGPASSFILE={2}
            exec {0}/pg_basebackup -w -D {1} -d {3} -X stream -c fast {5}
            """, host.BinDirectory, copy.Into, host.Node.PassFile, connection, ShellWord.List(copy.Tablespaces.Select(tablespace => tablespace.To)), ShellWord.List(moved)));
    }

    /// <summary>Makes the key that opens the primary's host for the copy.</summary>
    public static string MakeKey(ClusterAccess cluster, SetupStep.CopyFromPrimary copy)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(copy);
        var primary = cluster.Hosts[copy.From];
        return Copying(copy.Into, Shell.Script("state={0} primary={1} port={2} account={3} fingerprints={4}\n", cluster.Spec.Node(copy.Node).StateDirectory, primary.Node.Host,
            primary.SshPort.ToString(CultureInfo.InvariantCulture), cluster.ServerAccount, $" {string.Join(' ', primary.HostKeyFingerprints)} ") + SqlText.Of("Setup.copy-key.sh"));
    }

    public static string Rsync(NodeSpec node, SetupStep.CopyFromPrimary copy)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(copy);
        var lines = string.Concat(copy.Tablespaces.Select(tablespace => string.Create(CultureInfo.InvariantCulture, $"{tablespace.Oid} {tablespace.To}\n")));
        return Copying(copy.Into, Shell.Script("state={0} copy={1} tablespaces={2}\n", node.StateDirectory, copy.Into, lines) + SqlText.Of("Setup.copy-rsync.sh"));
    }

    /// <summary>Lets the standby's key in on the primary's host, from the standby's address, for <see cref="SourcePath"/> and nothing else.</summary>
    public static string Authorise(NodeSpec primary, NodeSpec standby, string mark, PublicKey publicKey)
    {
        ArgumentNullException.ThrowIfNull(standby);
        ArgumentNullException.ThrowIfNull(publicKey);
        return FindKeys + Shell.Script("""
            from=$(getent ahosts {0} | cut -d ' ' -f 1 | sort -u | paste -s -d ,)
            [ -n "$from" ] || { echo {0}" does not resolve on this host: add it to the name service, or give an address as Host" >&2; exit 1; }
            umask 077
            mkdir -p "${keys%/*}" && touch "$keys" && remove {1} || exit 1
            [ -z "$(tail -c 1 "$keys")" ] || echo >> "$keys" || exit 1
            before=$(wc -l < "$keys")
            printf 'restrict,from="%s",command="%s" %s %s\n' "$from" {2} {3} {1} >> "$keys" || exit 1
            [ "$(wc -l < "$keys")" -eq $((before + 1)) ] || { remove {1}; echo "$keys has other lines than were written: nothing is copied" >&2; exit 1; }
            """, standby.Host, mark, $"exec /bin/sh {Shell.Quote(SourcePath(primary, standby)).Replace("\"", "\\\"", StringComparison.Ordinal)}", publicKey.ToString());
    }

    /// <summary>Takes the key away again when its standard input ends, and ends a backup that does not end by itself.</summary>
    public static string RevokeAtEnd(HostAccess primary, NodeSpec standby, string mark) => "trap '' HUP PIPE\ncat > /dev/null\n" + FindKeys + Shell.OnServer(primary, """
        end_exclusive_backup
        rm -f {0}
        [ ! -e "$keys" ] || remove {1}
        """, SourcePath(primary.Node, standby), mark);

    /// <summary>The only kind of backup before 9.6: it is not bound to a session.</summary>
    public static string BeginBackup(HostAccess primary) => Shell.OnServer(primary, "begin_exclusive_backup");

    public static string EndBackup(HostAccess primary) => Shell.OnServer(primary, "end_exclusive_backup");

    /// <summary>The program that the key may run.</summary>
    public static string SourcePath(NodeSpec primary, NodeSpec standby)
    {
        ArgumentNullException.ThrowIfNull(primary);
        ArgumentNullException.ThrowIfNull(standby);
        return $"{primary.StateDirectory}/copy-source-{standby.Name}.sh";
    }

    public static string Source(NodeSpec primary)
    {
        ArgumentNullException.ThrowIfNull(primary);
        return Shell.Script(SqlText.Of("Setup.copy-source.sh"), primary.DataDirectory);
    }

    /// <summary>KiB on disk of a copy that grows.</summary>
    public static string Size(SetupStep.CopyFromPrimary copy)
    {
        ArgumentNullException.ThrowIfNull(copy);
        return Shell.Script("du -sk {0} 2> /dev/null | awk '{ sum += $1 } END { print sum + 0 }'",
            ShellWord.List([copy.Into, .. copy.Tablespaces.Select(tablespace => tablespace.To)]));
    }

    /// <summary>Sets keys to the file in which sshd looks for this account's; the environment's HOME may be another account's. remove takes out the lines that end with a mark.</summary>
    internal const string FindKeys = """
        home=$HOME
        [ -O "$home" ] || home=$(getent passwd "$(id -un)" | cut -d : -f 6)
        keys=$(readlink -m "$home/.ssh/authorized_keys")
        remove() {
          cp -p "$keys" "$keys.pgwatchdog-new" || return 1
          grep -v " $1\$" "$keys" > "$keys.pgwatchdog-new"
          [ $? -le 1 ] && mv -f "$keys.pgwatchdog-new" "$keys"
        }

        """;

    private static string Escape(string path) => path.Replace("=", "\\=", StringComparison.Ordinal);
}
