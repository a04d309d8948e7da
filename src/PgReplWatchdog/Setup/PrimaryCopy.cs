using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Npgsql;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Probing;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>Copies the primary to a standby's host, beside its data directory.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="hosts">Its hosts.</param>
/// <param name="clock">For the pauses between two looks at the progress.</param>
/// <param name="progress">Bytes copied and bytes in all.</param>
public sealed partial class PrimaryCopy(ClusterAccess cluster, SetupHosts hosts, TimeProvider clock, Action<long, long?> progress)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan CopyLimit = TimeSpan.FromHours(24);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SizeInterval = TimeSpan.FromSeconds(1);

    /// <summary>Characters.</summary>
    private const int LongestLabel = 4096;

    /// <summary>The checkpoint with which a backup begins; with much to write it takes minutes.</summary>
    private const int BackupSeconds = 3600;

    /// <exception cref="SshFailureException">No copy was made, with why.</exception>
    public async Task RunAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(copy);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var copying = copy.Method == CopyMethod.Rsync ? ByRsyncAsync(copy, cancellation) : ByBaseBackupAsync(copy, cancellation);
        var watching = WatchAsync(copy, done.Token);
        try
        {
            await copying;
        }
        finally
        {
            await done.CancelAsync();
            await watching;
        }
    }

    private Task<string> ByBaseBackupAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        var (host, primary) = (hosts[copy.Node], cluster.Spec.Node(copy.From));
        var connection = ConfigurationText.ConnectionInfo(primary.Host, primary.Port, cluster.Spec.Roles.Replication, passFile: null, copy.Node, // PGPASSFILE
            cluster.Spec.Replication.Tls);
        return host.RequireAsync(CopyScripts.BaseBackup(host.Host, copy, connection), CopyLimit, cancellation);
    }

    /// <summary>
    /// rsync runs on the standby's host and pulls: the bytes do not pass through here. The key that lets it in is taken away by the primary's host itself when this process ends,
    /// however it ends; the backup ends with its session.
    /// </summary>
    private async Task ByRsyncAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        var (primary, standby) = (hosts[copy.From], hosts[copy.Node]);
        var mark = $"pgwatchdog-copy-{cluster.Spec.Name}-{copy.Node}";
        var made = await standby.RequireAsync(CopyScripts.MakeKey(cluster, copy), Limit, cancellation);
        var key = PublicKey.Parse(made)
            ?? throw new SshFailureException(SshFailureKind.CommandFailed, $"{copy.Node}: ssh-keygen made no key that can be understood; nothing was written to {copy.From}");
        await hosts.WriteFileAsync(copy.From, CopyScripts.SourcePath(primary.Host.Node, standby.Host.Node), CopyScripts.Source(primary.Host.Node), cancellation);
        var copied = new TaskCompletionSource();
        var revoking = primary.RunUntilAsync(CopyScripts.RevokeAtEnd(primary.Host, standby.Host.Node, mark), copied.Task, CopyLimit, CancellationToken.None);
        SshResult revoked;
        try
        {
            await primary.RequireAsync(CopyScripts.Authorise(primary.Host.Node, standby.Host.Node, mark, key), Limit, cancellation);
            await BackUpAsync(copy, standby, cancellation);
        }
        finally
        {
            copied.SetResult();
            revoked = await revoking;
        }
        if (revoked.ExitStatus != 0)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{copy.From}: the line that ends with {mark} could not be taken out of authorized_keys, remove it: {revoked.Error.Trim()}");
    }

    private async Task BackUpAsync(SetupStep.CopyFromPrimary copy, SshHost standby, CancellationToken cancellation)
    {
        string label, map;
        try
        {
            var source = new PostgresSource(cluster, cluster.Spec.Node(copy.From));
            await using var session = await source.OpenConnectionAsync(cancellation);
            var version = PostgresConnections.VersionOf(session);
            (label, map) = version.HasNonExclusiveBackup
                ? await InSessionAsync(session, version, () => standby.RequireAsync(CopyScripts.Rsync(standby.Host.Node, copy), CopyLimit, cancellation), cancellation)
                : await ExclusiveAsync(copy, standby, cancellation);
        }
        catch (NpgsqlException failure)
        {
            throw new SshFailureException(SshFailureKind.CommandFailed,
                $"{copy.From}: the session that holds the backup failed, and the backup with it ({failure.Message}); what was copied stays, and the next run goes on from it", failure);
        }
        await WriteAsync(copy, "tablespace_map", Map(copy, map), cancellation);
        await WriteAsync(copy, "backup_label", Label(copy, label), cancellation); // last: without it no copy is whole
    }

    private static async Task<(string Label, string Map)> InSessionAsync(NpgsqlConnection session, PostgresVersion version, Func<Task> copyAsync, CancellationToken cancellation)
    {
        var renamed = version.HasRenamedBackupFunctions;
        await ExecuteAsync(session, $"SET statement_timeout = 0{(version.HasIdleSessionTimeout ? "; SET idle_session_timeout = 0" : "")}", cancellation);
        await ExecuteAsync(session, renamed ? "SELECT pg_backup_start('pgwatchdog', true)" : "SELECT pg_start_backup('pgwatchdog', true, false)", cancellation);
        await copyAsync();
        // The standby gets the WAL from its slot: nothing is to wait for an archive.
        await using var stop = Command(session, "SELECT labelfile, spcmapfile FROM "
            + (renamed ? "pg_backup_stop(false)" : version.StopsBackupWithoutArchive ? "pg_stop_backup(false, false)" : "pg_stop_backup(false)"));
        await using var reader = await stop.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return (reader.GetString(0), reader.GetString(1));
    }

    /// <summary>The label lies in the primary's data directory as long as the backup goes on. Whatever becomes of this process, <see cref="CopyScripts.RevokeAtEnd"/> ends it.</summary>
    private async Task<(string Label, string Map)> ExclusiveAsync(SetupStep.CopyFromPrimary copy, SshHost standby, CancellationToken cancellation)
    {
        var (primary, directory) = (hosts[copy.From], cluster.Spec.Node(copy.From).DataDirectory);
        await primary.RequireAsync(CopyScripts.BeginBackup(primary.Host), TimeSpan.FromSeconds(BackupSeconds), cancellation);
        var label = await hosts.ReadFileAsync(copy.From, directory + "/backup_label", cancellation);
        await standby.RequireAsync(CopyScripts.Rsync(standby.Host.Node, copy), CopyLimit, cancellation);
        if (label is null || await hosts.ReadFileAsync(copy.From, directory + "/backup_label", cancellation) != label)
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{copy.From}: somebody has ended the backup that the copy was made in; run setup again");
        var map = await hosts.ReadFileAsync(copy.From, directory + "/tablespace_map", cancellation) ?? "";
        await primary.RequireAsync(CopyScripts.EndBackup(primary.Host), Limit, cancellation);
        return (label, map);
    }

    /// <summary>It becomes a file of another host. PostgreSQL's own has nine lines at most (xlogbackup.c).</summary>
    private static string Label(SetupStep.CopyFromPrimary copy, string label) =>
        label.Length <= LongestLabel && BackupLabel().IsMatch(label) ? label
        : throw new SshFailureException(SshFailureKind.CommandFailed, $"{copy.From}: its server gave a backup_label that PostgreSQL does not write; nothing was written to {copy.Node}");

    [GeneratedRegex(@"\A(START WAL LOCATION|CHECKPOINT LOCATION|BACKUP METHOD|BACKUP FROM|START TIME|LABEL|START TIMELINE|INCREMENTAL FROM LSN|INCREMENTAL FROM TLI): [^\p{Cc}]{0,200}\n"
        + @"([A-Z ]{5,30}: [^\p{Cc}]{0,200}\n){0,8}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BackupLabel();

    /// <summary>As the server has it, with the directories of this node.</summary>
    private static string Map(SetupStep.CopyFromPrimary copy, string map)
    {
        var text = new StringBuilder();
        foreach (var oid in map.Split('\n').Select(line => line.Split(' ')[0]).Where(word => uint.TryParse(word, CultureInfo.InvariantCulture, out _)))
        {
            var target = copy.Tablespaces.FirstOrDefault(tablespace => tablespace.Oid.ToString(CultureInfo.InvariantCulture) == oid)
                ?? throw new SshFailureException(SshFailureKind.CommandFailed, $"{copy.From}: a tablespace was created since the plan was made (oid {oid}); run setup again");
            text.Append(CultureInfo.InvariantCulture, $"{oid} {target.To.Replace("\\", "\\\\", StringComparison.Ordinal)}\n");
        }
        return text.ToString();
    }

    private async Task WriteAsync(SetupStep.CopyFromPrimary copy, string file, string text, CancellationToken cancellation)
    {
        if (text.Length > 0)
            await hosts.WriteFileAsync(copy.Node, $"{copy.Into}/{file}", Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text)), cancellation);
    }

    private static NpgsqlCommand Command(NpgsqlConnection session, string sql) => new(sql, session) { CommandTimeout = BackupSeconds };

    private static async Task ExecuteAsync(NpgsqlConnection session, string sql, CancellationToken cancellation)
    {
        await using var command = Command(session, sql);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>What the primary counts where it does, pg_stat_progress_basebackup from PostgreSQL 13, else what the copy takes on its disk.</summary>
    private async Task WatchAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        try
        {
            if (copy.Method == CopyMethod.Rsync || !await WatchBaseBackupAsync(copy, cancellation))
                await WatchSizeAsync(copy, cancellation);
        }
        catch (Exception failure) when (failure is OperationCanceledException or NpgsqlException or SshFailureException)
        {
            // Progress is for the eye: a copy that cannot be watched is still a copy.
        }
    }

    private async Task<bool> WatchBaseBackupAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        var source = new PostgresSource(cluster, cluster.Spec.Node(copy.From));
        await using var connection = await source.OpenConnectionAsync(cancellation);
        if (connection.PostgreSqlVersion.Major < 13)
            return false;
        await using var question = new NpgsqlCommand("SELECT backup_streamed, backup_total FROM pg_stat_progress_basebackup ORDER BY pid DESC LIMIT 1", connection);
        while (true)
        {
            await using (var reader = await question.ExecuteReaderAsync(cancellation))
            {
                if (await reader.ReadAsync(cancellation) && !reader.IsDBNull(0))
                    progress(reader.GetInt64(0), reader.IsDBNull(1) ? copy.Bytes : reader.GetInt64(1));
            }
            await Task.Delay(PollInterval, clock, cancellation);
        }
    }

    private async Task WatchSizeAsync(SetupStep.CopyFromPrimary copy, CancellationToken cancellation)
    {
        while (true)
        {
            await Task.Delay(SizeInterval, clock, cancellation);
            var said = await hosts[copy.Node].RunAsync(CopyScripts.Size(copy), Limit, cancellation);
            if (long.TryParse(said.Output.Trim(), CultureInfo.InvariantCulture, out var kilobytes))
                progress(kilobytes * 1024, copy.Bytes);
        }
    }
}
