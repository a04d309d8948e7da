using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Deciding;
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
    public static HostScript CreateTriggerFile(HostAccess host, string triggerFile, int signals, Lsn? elected) => HostScript.OnNode("trigger", host, $$"""
        elected={3}
        read -r postmaster < {1}/postmaster.pid || exit 1
        {{ReadChildren}}
        {{RefuseWhereFed}}
        : > {0} || exit 1
        tries=0
        while [ -e {0} ]; do
          [ $tries -lt {2} ] || exit {{NotHeeded}}
          kill -HUP $startup 2> /dev/null
          tries=$((tries + 1))
          sleep 0.1
        done
        """, triggerFile, host.Node.DataDirectory, ShellWord.Number(signals), ShellWord.Position(elected));

    /// <summary>The one that pg_promote() and pg_ctl leave in the data directory, too: it is heeded whenever the startup process gets to it.</summary>
    public static HostScript RemoveTriggerFile(HostAccess host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return HostScript.OnNode("withdraw", host, "rm -f {0} {1}/promote", host.Node.TriggerFile, host.Node.DataDirectory);
    }

    /// <summary>On a host that is asked for it the checkpoint goes on by itself: with much to write it takes minutes. Not while one that was asked for goes on.</summary>
    public static HostScript Checkpoint(HostAccess host) => HostScript.OnNode("checkpoint", host, """
        set -- {0}/psql -X -q -A -t -d postgres -p "$(sed -n 4p {1}/postmaster.pid)" -h "$(sed -n 5p {1}/postmaster.pid)"
        under_way=$("$@" -c "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgwatchdog_checkpoint'") || exit 1
        [ "$under_way" = 0 ] || exit 0
        PGAPPNAME=pgwatchdog_checkpoint setsid "$@" -c CHECKPOINT > /dev/null 2>&1 < /dev/null &
        """, host.BinDirectory, host.Node.DataDirectory);

    /// <summary>pg_ctl promote, without waiting: that the server is primary is asked of the server.</summary>
    public static HostScript PgCtlPromote(HostAccess host, Lsn? elected) => HostScript.OnNode("pg-ctl-promote", host, $$"""
        elected={2}
        read -r postmaster < {1}/postmaster.pid || exit 1
        {{ReadChildren}}
        {{RefuseWhereFed}}
        {0}/pg_ctl promote -D {1} -W
        """, host.BinDirectory, host.Node.DataDirectory, ShellWord.Position(elected));

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
    private const string RefuseWhereFed = """
        [ -z "$elected" ] || {
          received=$(printf '%s\n' "$children" |
            sed -nE 's/.*wal ?receiver.*streaming ([0-9A-F]{1,8})\/([0-9A-F]{1,8}).*/(0x\1 << 32) + 0x\2/p')
          [ -z "$received" ] || [ $(($received)) -le $(((0x${elected%/*} << 32) + 0x${elected#*/})) ] || {
            echo "it streams and has received WAL beyond $elected, at which it was elected: a primary lives; nothing is promoted" >&2
            exit 1
          }
        }
        """;

    /// <summary>Between two looks of <see cref="HeldReplay"/>.</summary>
    public static readonly TimeSpan HeldReplayInterval = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// If the startup process waits for sessions (its process title says so), those sessions are ended; prints who they were.
    /// A startup process that waits for a snapshot does not read max_standby_streaming_delay again (seen on 15).
    /// They are the holders of the lock that it waits for; else all in a transaction for some time. They are ended in the
    /// select list: the conditions of a WHERE clause have no order.
    /// </summary>
    public static HostScript EndHeldReplay(HostAccess host, Lsn? elected) => HostScript.OnServer("end-held-replay", host, $$"""
        elected={0}
        read_postmaster
        [ -n "$postmaster" ] || exit 1
        {{ReadChildren}}
        # Line by line: another session's title may say "waiting".
        startup=$(printf '%s\n' "$children" | sed -n 's/^\([0-9][0-9]*\) .*startup .*recovering .*waiting.*/\1/p')
        [ -n "$startup" ] || exit 0
        {{RefuseWhereFed}}
        ask "WITH waiting AS (SELECT locktype, database, relation FROM pg_locks WHERE pid = $startup AND NOT granted)
             SELECT usename || ' (process ' || pid || CASE WHEN pg_terminate_backend(pid) THEN ')' ELSE ', in vain)' END
               FROM pg_stat_activity
              WHERE CASE WHEN EXISTS (SELECT 1 FROM waiting)
                         THEN pid IN (SELECT pid FROM pg_locks JOIN waiting USING (locktype, database, relation) WHERE granted)
                         ELSE clock_timestamp() - xact_start > interval '{{HeldReplayInterval.TotalMilliseconds}} milliseconds' END
                AND pid NOT IN ($startup, pg_backend_pid())"
        """, ShellWord.Position(elected));

    /// <summary>
    /// First the start block, so that nobody and nothing starts it again (manual, "recovery.conf file merged into postgresql.conf": from 12 a server refuses to
    /// start while that file is there). Then an immediate shutdown, and what does not heed it is killed: a stopped process (SIGSTOP) takes no other signal.
    /// Its data will be rewound or copied anew anyway. Proven by the processes: those of
    /// PostgreSQL whose working directory is the data directory.
    /// </summary>
    public static HostScript Fence(HostAccess host, string why, int rounds, bool onlyStandby = false) => HostScript.OnServer("fence", host, """
        [ -d "$data" ] && [ -O "$data" ] || { echo "$data is not a directory of this account" >&2; exit 1; }
        [ -z {2} ] || is_standby || { echo "$data is that of a primary: it is not stopped" >&2; exit 1; }
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
          [ $round -lt {1} ] || { echo "processes of $data do not end: $(living | tr '\n' ' ')" >&2; exit 1; }
          [ $round -lt $patience ] || kill -KILL $(living) 2>/dev/null
          round=$((round + 1))
          sleep 0.05
        done
        [ $blocked -ne 2 ] || { ended $blocking 30; blocked=$?; }
        case $blocked in
          1) echo "the start block $data/recovery.conf could not be written" >&2; exit 1 ;;
          2) echo "the start block $data/recovery.conf is not written yet: storage hangs" >&2; exit 1 ;;
        esac
        """, ShellWord.Line(why), ShellWord.Number(rounds), onlyStandby ? "standby" : "") with { Uses = ["living", "ended", "node", "server"] };

    /// <summary>
    /// Puts a role change on record on the host. A later one stays, and so does what cannot be read: it is for an operator.
    /// </summary>
    public static HostScript RecordEpoch(HostAccess host, long epoch, string primary) => HostScript.OnServer("record-epoch", host, """
        umask 077
        seen=0
        [ ! -e "$state/epoch" ] || read -r seen _ < "$state/epoch" || exit 1
        [ "$seen" != {1} ] || exit 0
        [ "$seen" -lt {1} ] || { echo "$state/epoch has epoch $seen: nothing was changed" >&2; exit 1; }
        printf '%s %s\n' {1} {0} > "$state/epoch.new" && sync "$state/epoch.new" \
          && mv -f "$state/epoch.new" "$state/epoch"
        """, primary, ShellWord.Number(epoch));

    /// <summary>
    /// Sets some lines of the file that set-up owns, has it read, and waits until no walreceiver is left where they point it nowhere. A server that does not run reads
    /// it when it starts.
    /// </summary>
    public static HostScript SetManaged(HostAccess host, IReadOnlyCollection<(string Name, string Value)> settings, bool untilNoWalReceiver)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return HostScript.OnServer("set-upstream", host, """
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
            while [ -n {2} ] && pgrep -P "$postmaster" -f walreceiver > /dev/null; do
              [ $round -lt 40 ] || { echo "the walreceiver goes on" >&2; exit 1; }
              round=$((round + 1))
              sleep 0.05
            done
            """, $"/^({string.Join('|', settings.Select(setting => setting.Name))}) = /d",
            Lines(settings), untilNoWalReceiver ? "detached" : "");
    }

    /// <summary>
    /// Where the dead server's WAL ends, seen from the end of a record: the last record after it (pg_waldump), what pg_waldump said at the end, and the segment size
    /// (pg_controldata). The dead server may have removed what the standby has received and not replayed: the search begins
    /// in the segment of what was received.
    /// </summary>
    public static HostScript FindEndOfWal(HostAccess host, Lsn replayed, Lsn received, uint timeline) => HostScript.OnServer("find-end-of-wal", host, """
        export LC_ALL=C
        read_major
        dump=$bin/pg_waldump
        [ "$wal" = pg_wal ] || dump=$bin/pg_xlogdump
        [ -x "$dump" ] || { echo "there is no $dump, which finds the end of the WAL" >&2; exit 1; }
        segment=$("$bin/pg_controldata" "$data" | sed -n 's/^Bytes per WAL segment: *//p')
        from={0} after={1}
        first=$((after / segment * segment)) || exit 1
        [ $first -le $from ] || from=$first
        start=$(printf '%X/%X' $((from >> 32)) $((from & 0xFFFFFFFF)))
        { said=$({ "$dump" -p "$data/$wal" -t {2} -s "$start" | tail -n 1 | \
          sed -n 's/.*len (rec\/tot): *[0-9]*\/ *\([0-9]*\),.* lsn: \([0-9A-F/]*\), .*/record=\2 \1/p' >&3; } 2>&1); } 3>&1
        printf 'said=%s\n' "$(printf '%s' "$said" | tail -n 1)"
        echo "segment=$segment"
        """, ShellWord.Number((long)replayed.Value), ShellWord.Number((long)received.Value), ShellWord.Number(timeline));

    /// <summary>Some pages of one segment, on standard output.</summary>
    public static HostScript ReadWal(HostAccess host, string segment, long firstPage, long pages) =>
        HostScript.OnServer("read-wal", host, "read_major\ndd if=\"$data/$wal/\"{0} bs=8192 skip={1} count={2} status=none",
            ShellWord.Segment(segment), ShellWord.Number(firstPage), ShellWord.Number(pages));

    /// <summary>Puts pages from standard input into a segment: in a copy beside it, which then takes its place whole.</summary>
    public static HostScript WriteWal(HostAccess host, string segment, long firstPage, long segmentBytes) => HostScript.OnServer("write-wal", host, """
        read_major
        cd "$data/$wal" && umask 077 || exit 1
        if [ -e {0} ]; then cp {0} pgwatchdog.salvage; else head -c {2} /dev/zero > pgwatchdog.salvage; fi \
          && dd of=pgwatchdog.salvage bs=8192 seek={1} conv=notrunc,fsync iflag=fullblock status=none \
          && mv -f pgwatchdog.salvage {0} || { rm -f pgwatchdog.salvage; exit 1; }
        """, ShellWord.Segment(segment), ShellWord.Number(firstPage), ShellWord.Number(segmentBytes));

    /// <summary>Wakes the startup process again and again, so that it looks into pg_wal at once; ended by the one who asked.</summary>
    public static HostScript WakeStartup(HostAccess host, int signals) => HostScript.OnNode("wake-startup", host, $$"""
        read -r postmaster < {0}/postmaster.pid || exit 1
        {{ReadChildren}}
        tries=0
        while [ $tries -lt {1} ]; do
          kill -HUP $startup 2> /dev/null
          tries=$((tries + 1))
          sleep 0.05
        done
        """, host.Node.DataDirectory, ShellWord.Number(signals));

    /// <summary>
    /// Arms the guard, or gives it another order; starts it where it does not run, unarmed: one that finds itself armed takes
    /// the server for one that came back. Armed it is when its session says so in pg_stat_activity.
    /// </summary>
    /// <param name="host">The node.</param>
    /// <param name="order">The order file's text, GuardOrder.Line.</param>
    /// <param name="owner">Who arms: another watchdog's order is left as it is.</param>
    /// <param name="lost">A watchdog that an operator has declared lost: its order is replaced.</param>
    public static HostScript ArmGuard(HostAccess host, string order, string owner = "", string lost = "") => HostScript.OnNode("arm", host, $$"""
        umask 077
        [ -e {0} ] || { echo "there is no guard on this host: run setup" >&2; exit 1; }
        {{ReadForeignOwner}}
        [ -z "$foreign" ] || { echo "another watchdog ($foreign) has armed the guard: nothing was changed" >&2; exit 1; }
        /bin/sh {0} status || { rm -f {0}.armed && /bin/sh {0} start && sleep 1; } || exit 1
        # On the disk, before the guard shows it: a primary that comes back after a loss of power has to know that it was armed.
        printf '%s\n' {1} > {0}.armed.new && sync {0}.armed.new && mv -f {0}.armed.new {0}.armed && sync "$(dirname {0})"
        """, host.Node.Guard, ShellWord.Line(order.TrimEnd('\n')), ShellWord.Owner(owner), ShellWord.Owner(lost));

    /// <summary>Without its order the guard does nothing, whatever its server does. Another watchdog's order stays.</summary>
    /// <param name="host">The node.</param>
    /// <param name="owner">Who disarms.</param>
    /// <param name="lost">A watchdog that an operator has declared lost: its order is removed as well.</param>
    public static HostScript DisarmGuard(HostAccess host, string owner = "", string lost = "") => HostScript.OnNode("disarm", host, $$"""
        {{ReadForeignOwner}}
        [ -n "$foreign" ] || rm -f {0}.armed
        """, host.Node.Guard, "", ShellWord.Owner(owner), ShellWord.Owner(lost));

    /// <summary>On the primary: what keeps WAL for a standby. One that PostgreSQL has given up (wal_status lost, from 13) lets nobody stream any more, and is made anew.</summary>
    public static HostScript CreateSlot(HostAccess host, string slot, PostgresVersion version) => HostScript.OnServer("create-slot", host, """
        slot={0} reserve={1}
        ask "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots AS slot WHERE slot_name = '$slot' AND NOT active AND row_to_json(slot) ->> 'wal_status' = 'lost'" > /dev/null \
          && ask "SELECT pg_create_physical_replication_slot('$slot'$reserve) WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = '$slot')"
        """, slot, version.ReservesSlots ? ", true" : "");

    /// <summary>
    /// Starts what makes a stopped node a standby of another one (rejoin.sh), in a session of its own. The work of the same epoch goes on; that of an earlier one follows the wrong
    /// primary, and its session ends whole: what it leaves cannot be started, and is not rewound.
    /// </summary>
    public static HostScript Rejoin(HostAccess host, ClusterSpec spec, NodeSpec primary, WatchdogAction.Rejoin rejoin, string stamp)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(primary);
        ArgumentNullException.ThrowIfNull(rejoin);
        var work = HostScript.OnServer("", host, SqlText.Of("Acting.rejoin.sh")) with { Uses = ["living", "end-copy", "node", "server"] };
        var start = HostScript.OnServer("rejoin", host, """
            cd "$state" || exit 1
            if [ -r job ] && read -r former pid < job && grep -q rejoin "/proc/$pid/cmdline" 2>/dev/null; then
              [ "$former" != {0} ] || { cat > /dev/null; exit 0; }
              at_work() {
                for process in /proc/[0-9]*; do
                  { read -r _ _ is _ group _ < "$process/stat"; } 2> /dev/null && [ "$group" = "$1" ] && [ "$is" != Z ] && return 0
                done
                return 1
              }
              round=0
              while at_work "$pid"; do
                kill -KILL "-$pid" 2> /dev/null
                [ $round -lt 60 ] || { echo "the work of epoch $former does not end" >&2; exit 1; }
                round=$((round + 1))
                sleep 0.05
              done
            fi
            cat > rejoin.sh.new && mv -f rejoin.sh.new rejoin.sh && rm -f job job.status || exit 1
            # It puts itself on record before it does anything: where a full disk does not let it, it has not begun.
            setsid /bin/sh -c 'echo "$1 $$" > job || exit 1; shift; /bin/sh ./rejoin.sh "$@"; echo $? > job.status' \
              rejoin {0} "$data" "$bin" "$log" "$state" "$wanted" "$epoch" {1} {2} {3} {4} {5} {6} {7} {8} {0} {9} {10} {11} > job.log 2>&1 < /dev/null &
            round=0
            until [ -s job ]; do
              [ $round -lt 40 ] || { echo "the work could not be put on record in $state" >&2; exit 1; }
              round=$((round + 1))
              sleep 0.05
            done
            """, ShellWord.Number(rejoin.Epoch), primary.Host, primary.Port.ToString(CultureInfo.InvariantCulture), spec.Roles.Replication, spec.Roles.Database,
            Lines(WantedSettings.Upstream(spec, host.Node, primary, rejoin.Version)), ConfigurationText.ManagedFileName, rejoin.FreshCopy ? "copy" : "rewind", ShellWord.Stamp(stamp),
            Lines(OptionalSettings.Restore(spec, host.Node)), spec.Replication.Tls == Tls.Required ? "require" : "prefer",
            string.Concat(TablespaceMove.Between(primary, host.Node).Select(move => $"{move.From}={move.To}\n")));
        return start with { Uses = [], Input = "data=$1 bin=$2 log=$3 state=$4 wanted=$5 epoch=$6\nshift 6\n" + work.Text };
    }

    private static string Lines(IEnumerable<(string Name, string Value)> settings) => string.Concat(settings.Select(setting => ConfigurationText.Line(setting.Name, setting.Value) + "\n"));

    /// <summary>Sets foreign to the owner in the order file where that is neither {2} nor {3}.</summary>
    private const string ReadForeignOwner = """
        foreign=''
        [ ! -r {0}.armed ] || read -r _ _ _ _ foreign < {0}.armed
        case $foreign in {2} | {3}) foreign='' ;; esac
        """;
}
