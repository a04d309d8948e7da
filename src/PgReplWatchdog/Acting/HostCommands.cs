using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Acting;

/// <summary>What the watchdog does on a host in a failover and after it. POSIX shell; each may be run again.</summary>
public static class HostCommands
{
    /// <summary>Exit status of <see cref="CreateTriggerFile"/> when the server has not taken the file.</summary>
    public const int NotHeeded = 75;

    /// <summary>
    /// Creates the trigger file and signals the startup process every 100 ms until the server has taken the file away, which it does
    /// as the first thing of a promotion. Without a signal an idle standby looks every 5 s; a single one can be slept through
    /// (it may come in the moment before the process goes to sleep between two connection attempts).
    /// </summary>
    public static string CreateTriggerFile(HostAccess host, string triggerFile, int signals, Lsn? elected) => Shell.OnNode(host, $$"""
        read -r postmaster < {1}/postmaster.pid || exit 1
        {{ReadChildren}}
        {{RefuseWhereFed(elected)}}
        : > {0} || exit 1
        tries=0
        while [ -e {0} ]; do
          [ $tries -lt {{signals}} ] || exit {{NotHeeded}}
          kill -HUP $startup 2> /dev/null
          tries=$((tries + 1))
          sleep 0.1
        done
        """, triggerFile, host.Node.DataDirectory);

    /// <summary>The one that pg_promote() and pg_ctl leave in the data directory, too: it is heeded whenever the startup process gets to it.</summary>
    public static string RemoveTriggerFile(HostAccess host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return Shell.OnNode(host, "rm -f {0} {1}/promote", host.Node.TriggerFile, host.Node.DataDirectory);
    }

    /// <summary>On a host that is asked for it the checkpoint goes on by itself: with much to write it takes minutes. Not while one that was asked for goes on.</summary>
    public static string Checkpoint(HostAccess host) => Shell.OnNode(host, """
        set -- {0}/psql -X -q -A -t -d postgres -p "$(sed -n 4p {1}/postmaster.pid)" -h "$(sed -n 5p {1}/postmaster.pid)"
        under_way=$("$@" -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwatchdog_checkpoint'") || exit 1
        [ "$under_way" = 0 ] || exit 0
        PGAPPNAME=pgwatchdog_checkpoint setsid "$@" -c CHECKPOINT > /dev/null 2>&1 < /dev/null &
        """, host.BinDirectory, host.Node.DataDirectory);

    /// <summary>pg_ctl promote, without waiting: that the server is primary is asked of the server.</summary>
    public static string PgCtlPromote(HostAccess host, Lsn? elected) => Shell.OnNode(host, $$"""
        read -r postmaster < {1}/postmaster.pid || exit 1
        {{ReadChildren}}
        {{RefuseWhereFed(elected)}}
        {0}/pg_ctl promote -D {1} -W
        """, host.BinDirectory, host.Node.DataDirectory);

    /// <summary>
    /// Sets children to the processes of $postmaster with their titles, and startup to the number of its startup process.
    /// One look at all processes: it takes 10 ms and more, and clients wait.
    /// </summary>
    private const string ReadChildren = """
        children=$(pgrep -a -P "$postmaster")
        startup=$(printf '%s\n' "$children" | sed -n 's/^\([0-9][0-9]*\) .*startup.*/\1/p')
        """;

    /// <summary>
    /// Positions stand still from the election to the promotion. A walreceiver whose process title names a position beyond the elected one is fed by a primary that lives.
    /// One that only waits for a primary that is gone keeps the position that it had.
    /// </summary>
    private static string RefuseWhereFed(Lsn? elected) => elected is not { } position ? "" : string.Create(CultureInfo.InvariantCulture, $$"""
        received=$(printf '%s\n' "$children" |
          sed -nE 's/.*wal ?receiver.*streaming ([0-9A-F]{1,8})\/([0-9A-F]{1,8}).*/(0x\1 << 32) + 0x\2/p')
        [ -z "$received" ] || [ $(($received)) -le {{position.Value}} ] || {
          echo "it streams and has received WAL beyond {{position}}, at which it was elected: a primary lives; nothing is promoted" >&2
          exit 1
        }
        """);

    /// <summary>Between two looks of <see cref="HeldReplay"/>.</summary>
    public static readonly TimeSpan HeldReplayInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// If the startup process waits for sessions (its process title says so), those sessions are ended; prints who they were.
    /// A startup process that waits for a snapshot does not read max_standby_streaming_delay again (seen on 15).
    /// They are the holders of the lock that it waits for; else all in a transaction for some time. They are ended in the
    /// select list: the conditions of a WHERE clause have no order.
    /// </summary>
    public static string EndHeldReplay(HostAccess host, Lsn? elected) => Shell.OnServer(host, $$"""
        read_postmaster
        [ -n "$postmaster" ] || exit 1
        {{ReadChildren}}
        # Line by line: another session's title may say "waiting".
        startup=$(printf '%s\n' "$children" | sed -n 's/^\([0-9][0-9]*\) .*startup .*recovering .*waiting.*/\1/p')
        [ -n "$startup" ] || exit 0
        {{RefuseWhereFed(elected)}}
        ask "WITH waiting AS (SELECT locktype, database, relation FROM pg_locks WHERE pid = $startup AND NOT granted)
             SELECT usename || ' (process ' || pid || CASE WHEN pg_terminate_backend(pid) THEN ')' ELSE ', in vain)' END
               FROM pg_stat_activity
              WHERE CASE WHEN EXISTS (SELECT 1 FROM waiting)
                         THEN pid IN (SELECT pid FROM pg_locks JOIN waiting USING (locktype, database, relation) WHERE granted)
                         ELSE clock_timestamp() - xact_start > interval '{{HeldReplayInterval.TotalMilliseconds}} milliseconds' END
                AND pid NOT IN ($startup, pg_backend_pid())"
        """);

    /// <summary>
    /// First the start block, so that nobody and nothing starts it again (manual, "recovery.conf file merged into postgresql.conf": from 12 a server refuses to
    /// start while that file is there). Then an immediate shutdown, and what does not heed it is killed: a stopped process (SIGSTOP) takes no other signal.
    /// Its data will be rewound or copied anew anyway. Proven by the processes: those of
    /// PostgreSQL whose working directory is the data directory.
    /// </summary>
    public static string Fence(HostAccess host, string why, int rounds, bool onlyStandby = false) => $"{Shell.Living}\n{Shell.Ended}\n" + Shell.OnServer(host, $$"""
        [ -d "$data" ] && [ -O "$data" ] || { echo "$data is not a directory of this account" >&2; exit 1; }
        {{(onlyStandby ? "is_standby || { echo \"$data is that of a primary: it is not stopped\" >&2; exit 1; }" : "")}}
        # The guard takes this lock before it lifts a block of its own. Its block becomes the watchdog's.
        # Until 11 one with a restore_command lets it start: it is not ours, and is moved aside.
        { if true >> "$state/block.lock"; then exec 4>> "$state/block.lock"; flock -w 1 4; fi
          [ ! -e "$data/recovery.conf" ] || is_blocked || is_standby || mv "$data/recovery.conf" "$data/recovery.conf.before-pgwatchdog"
          { [ -e "$data/recovery.conf" ] && ! is_guards_block; } || printf '%s\n' {0} > "$data/recovery.conf"
          blocked=$?
          # The order goes once the block is on the disk: after a loss of power one of the two has to be there.
          [ $blocked -ne 0 ] || { sync "$data/recovery.conf" "$data" && rm -f "$data.pgwatchdog/guard.armed"; } 4>&- &
          exit $blocked; } > /dev/null 2>&1 < /dev/null &
        blocking=$!
        ended $blocking 30
        blocked=$?
        postmaster= state= patience=4
        [ -r "$data/postmaster.pid" ] && read -r postmaster < "$data/postmaster.pid"
        if [ -n "$postmaster" ] && [ "/proc/$postmaster/cwd" -ef "$data" ]; then
          kill -QUIT "$postmaster" 2>/dev/null
          { read -r _ _ state _ < "/proc/$postmaster/stat"; } 2>/dev/null
          [ "$state" != T ] || patience=0
        fi
        round=0
        while [ -n "$(living)" ]; do
          [ $round -lt {{rounds}} ] || { echo "processes of $data do not end: $(living | tr '\n' ' ')" >&2; exit 1; }
          [ $round -lt $patience ] || kill -KILL $(living) 2>/dev/null
          round=$((round + 1))
          sleep 0.05
        done
        [ $blocked -ne 2 ] || { ended $blocking 30; blocked=$?; }
        case $blocked in
          1) echo "the start block $data/recovery.conf could not be written" >&2; exit 1 ;;
          2) echo "the start block $data/recovery.conf is not written yet: storage hangs" >&2; exit 1 ;;
        esac
        """, why);

    /// <summary>
    /// Puts a role change on record on the host. A later one stays, and so does what cannot be read: it is for an operator.
    /// </summary>
    public static string RecordEpoch(HostAccess host, long epoch, string primary) => Shell.OnServer(host, $$"""
        umask 077
        seen=0
        [ ! -e "$state/epoch" ] || read -r seen _ < "$state/epoch" || exit 1
        [ "$seen" != {{epoch}} ] || exit 0
        [ "$seen" -lt {{epoch}} ] || { echo "$state/epoch has epoch $seen: nothing was changed" >&2; exit 1; }
        printf '{{epoch}} %s\n' {0} > "$state/epoch.new" && sync "$state/epoch.new" \
          && mv -f "$state/epoch.new" "$state/epoch"
        """, primary);

    /// <summary>
    /// Sets some lines of the file that set-up owns, has it read, and waits until no walreceiver is left where they point it nowhere. A server that does not run reads
    /// it when it starts.
    /// </summary>
    public static string SetManaged(HostAccess host, IReadOnlyCollection<(string Name, string Value)> settings, bool untilNoWalReceiver)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return Shell.OnServer(host, $$"""
            find_upstream_file
            [ -e "$file" ] || { echo "there is no $file: run setup" >&2; exit 1; }
            cp -p "$file" "$file.new" && { sed -E {0} "$file" && printf '%s' {1}; } > "$file.new" || exit 1
            # A restart once is enough: one that has started with these lines follows them.
            started=''
            read_postmaster
            if [ "$major" -lt 13 ] && [ -n "$postmaster" ] && cmp -s "$file" "$file.new" && [ "$data/postmaster.pid" -nt "$file" ]; then started=yes; fi
            [ -z "$started" ] || { rm -f "$file.new"; exit 0; }
            mv -f "$file.new" "$file" || exit 1
            [ -n "$postmaster" ] || exit 0
            if [ "$major" -lt 13 ]; then # it takes a restart
              rm -f "$state/promote" || exit 1
              restart_server 60 >&2 || exit 1
              exit 0
            fi
            kill -HUP "$postmaster" || exit 1
            round=0
            while {{(untilNoWalReceiver ? "pgrep -P \"$postmaster\" -f walreceiver > /dev/null" : "false")}}; do
              [ $round -lt 40 ] || { echo "the walreceiver goes on" >&2; exit 1; }
              round=$((round + 1))
              sleep 0.05
            done
            """, $"/^({string.Join('|', settings.Select(setting => setting.Name))}) = /d",
            string.Concat(settings.Select(setting => ConfigurationText.Line(setting.Name, setting.Value) + "\n")));
    }

    /// <summary>
    /// Where the dead server's WAL ends, seen from the end of a record: the last record after it (pg_waldump), what pg_waldump said at the end, and the segment size
    /// (pg_controldata). The dead server may have removed what the standby has received and not replayed: the search begins
    /// in the segment of what was received.
    /// </summary>
    public static string FindEndOfWal(
        HostAccess host, Lsn replayed, Lsn received, uint timeline) => Shell.OnServer(host, string.Create(CultureInfo.InvariantCulture, $$"""
        export LC_ALL=C
        read_major
        dump=$bin/pg_waldump
        [ "$wal" = pg_wal ] || dump=$bin/pg_xlogdump
        [ -x "$dump" ] || { echo "there is no $dump, which finds the end of the WAL" >&2; exit 1; }
        segment=$("$bin/pg_controldata" "$data" | sed -n 's/^Bytes per WAL segment: *//p')
        from={{replayed.Value}}
        first=$(({{received.Value}} / segment * segment)) || exit 1
        [ $first -le $from ] || from=$first
        start=$(printf '%X/%X' $((from >> 32)) $((from & 0xFFFFFFFF)))
        { said=$({ "$dump" -p "$data/$wal" -t {{timeline}} -s "$start" | tail -n 1 | \
          sed -n 's/.*len (rec\/tot): *[0-9]*\/ *\([0-9]*\),.* lsn: \([0-9A-F/]*\), .*/record=\2 \1/p' >&3; } 2>&1); } 3>&1
        printf 'said=%s\n' "$(printf '%s' "$said" | tail -n 1)"
        echo "segment=$segment"
        """));

    /// <summary>Some pages of one segment, on standard output.</summary>
    public static string ReadWal(HostAccess host, string segment, long firstPage, long pages) =>
        Shell.OnServer(host, $"read_major\ndd if=\"$data/$wal/{segment}\" bs=8192 skip={firstPage} count={pages} status=none");

    /// <summary>Puts pages from standard input into a segment: in a copy beside it, which then takes its place whole.</summary>
    public static string WriteWal(HostAccess host, string segment, long firstPage, long segmentBytes) => Shell.OnServer(host, $$"""
        read_major
        cd "$data/$wal" && umask 077 || exit 1
        if [ -e {{segment}} ]; then cp {{segment}} pgwatchdog.salvage; else head -c {{segmentBytes}} /dev/zero > pgwatchdog.salvage; fi \
          && dd of=pgwatchdog.salvage bs=8192 seek={{firstPage}} conv=notrunc,fsync iflag=fullblock status=none \
          && mv -f pgwatchdog.salvage {{segment}} || { rm -f pgwatchdog.salvage; exit 1; }
        """);

    /// <summary>Wakes the startup process again and again, so that it looks into pg_wal at once; ended by the one who asked.</summary>
    public static string WakeStartup(HostAccess host, int signals) => Shell.OnNode(host, $$"""
        read -r postmaster < {0}/postmaster.pid || exit 1
        {{ReadChildren}}
        tries=0
        while [ $tries -lt {{signals}} ]; do
          kill -HUP $startup 2> /dev/null
          tries=$((tries + 1))
          sleep 0.05
        done
        """, host.Node.DataDirectory);

    /// <summary>
    /// Arms the guard, or gives it another order; starts it where it does not run, unarmed: one that finds itself armed takes
    /// the server for one that came back. Armed it is when its session says so in pg_stat_activity.
    /// </summary>
    /// <param name="host">The node.</param>
    /// <param name="order">The order file's text, GuardOrder.Line.</param>
    /// <param name="owner">Who arms: another watchdog's order is left as it is.</param>
    /// <param name="lost">A watchdog that an operator has declared lost: its order is replaced.</param>
    public static string ArmGuard(HostAccess host, string order, string owner = "", string lost = "") => Shell.OnNode(host, $$"""
        umask 077
        [ -e {0} ] || { echo "there is no guard on this host: run setup" >&2; exit 1; }
        {{ReadForeignOwner}}
        [ -z "$foreign" ] || { echo "another watchdog ($foreign) has armed the guard: nothing was changed" >&2; exit 1; }
        /bin/sh {0} status || { rm -f {0}.armed && /bin/sh {0} start && sleep 1; } || exit 1
        # On the disk, before the guard shows it: a primary that comes back after a loss of power has to know that it was armed.
        printf %s {1} > {0}.armed.new && sync {0}.armed.new && mv -f {0}.armed.new {0}.armed && sync "$(dirname {0})"
        """, host.Node.Guard, order, owner, lost);

    /// <summary>Without its order the guard does nothing, whatever its server does. Another watchdog's order stays.</summary>
    /// <param name="host">The node.</param>
    /// <param name="owner">Who disarms.</param>
    /// <param name="lost">A watchdog that an operator has declared lost: its order is removed as well.</param>
    public static string DisarmGuard(HostAccess host, string owner = "", string lost = "") => Shell.OnNode(host, $$"""
        {{ReadForeignOwner}}
        [ -n "$foreign" ] || rm -f {0}.armed
        """, host.Node.Guard, "", owner, lost);

    /// <summary>Sets foreign to the owner in the order file where that is neither {2} nor {3}.</summary>
    private const string ReadForeignOwner = """
        foreign=''
        [ ! -r {0}.armed ] || read -r _ _ _ _ foreign < {0}.armed
        case $foreign in {2} | {3}) foreign='' ;; esac
        """;
}
