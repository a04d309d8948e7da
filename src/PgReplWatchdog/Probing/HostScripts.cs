using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Probing;

/// <summary>What a host is asked in a check, in POSIX shell. Changes nothing but a file of its own that comes and goes.</summary>
public static class HostScripts
{
    /// <summary>
    /// One "name=value" a line. Processes of PostgreSQL are told by their working directory, which is the data directory;
    /// another account's cannot be seen, so that nothing is said of a data directory that is not the account's own.
    /// </summary>
    public static HostScript Evidence(HostAccess host, string timeout) => HostScript.OnServer("evidence", host, """
        export LC_ALL=C
        { : > "$state/.writable" && rm -f "$state/.writable"; } > /dev/null 2>&1 < /dev/null &
        writing=$!
        if [ -O "$data" ]; then
          read_postmaster
          set -- $(living)
          case " $* " in
            *" ${postmaster:-none} "*)
              echo postmaster=yes
              # Where this server listens by its own word: a wrong Port in the configuration must not make a healthy one look hung.
              port='' socket=''
              { read -r _ && read -r _ && read -r _ && read -r port && read -r socket; } < "$data/postmaster.pid"
              [ -n "$socket" ] || socket={0}
              timeout {1} "$bin/pg_isready" -q -p "$port" -h "$socket" -t 1
              echo "answer=$?"
              ;;
            *) "$bin/pg_controldata" "$data" 2>/dev/null | sed -n 's/^Database cluster state: */control_state=/p' ;;
          esac
          echo "processes=$#"
          if is_standby; then
            echo standby_signal=yes
            find_upstream_file
            if [ ! -e "$file" ]; then echo detach=missing
            elif [ "$file" = "$data/recovery.conf" ]; then :
            elif [ -r "$config/postgresql.conf" ] && ! grep -s '^[[:space:]]*include' "$config/postgresql.conf" | grep -qF "${file##*/}"; then echo detach=not_included
            elif grep -qs '^[[:space:]]*primary_conninfo' "$data/postgresql.auto.conf"; then echo detach=overridden
            fi
          fi
          if [ -e "$data/recovery.conf" ]; then
            if is_blocked; then echo blocked=yes; fi
            if is_guards_block; then
              echo blocked_by=guard
              echo "guard_block=$(head -n 2 "$data/recovery.conf" | cut -c 1-600 | tr '\n' ' ')"
            fi
            sed -n "s/^trigger_file = '\(.*\)'/trigger_file=\1/p" "$data/recovery.conf" 2> /dev/null
          fi
        fi
        read_major
        free=$(df -Pk "$data" "$data/$wal/." 2>/dev/null | awk 'NR > 1 && (least == "" || $4 + 0 < least + 0) { least = $4 } END { print least }')
        [ -z "$free" ] || echo "free_kilobytes=$free"
        if [ "${free:-16384}" -lt 16384 ]; then
          echo "filling=$(cd "$data" && timeout {1} du -skD $wal base log pg_log 2>/dev/null | while read -r size name; do printf '%s %s kB  ' "$name" "$size"; done)"
        fi
        if [ -r "$state/job" ]; then
          read -r epoch pid < "$state/job"
          echo "job_epoch=$epoch"
          if [ -r "$state/job.status" ]; then echo "job_status=$(cat "$state/job.status")"
          elif grep -q rejoin "/proc/$pid/cmdline" 2>/dev/null; then echo job_running=yes
          fi
          echo "job_words=$(tail -n 1 "$state/job.log" 2>/dev/null | cut -c 1-300)"
        fi
        ended $writing 10
        case $? in 0) echo writable=yes ;; 2) echo storage=hangs; exit ;; esac
        if [ -e "$state/promote" ] || [ -e "$data/promote" ]; then echo trigger=yes; fi
        if [ -e "$state/epoch" ]; then
          epoch=''
          read -r epoch < "$state/epoch"
          printf 'epoch=%.100s\n' "$epoch"
        elif [ -d "$state" ]; then echo epoch=0
        fi
        # The shell sorts what it finds: the last one is the newest.
        newest=''
        for found in "$data/$wal/"[0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F].history; do newest=$found; done
        if [ -e "$newest" ]; then
          timeline=${newest##*/}
          echo "history=$((0x${timeline%.history})) $(sed -n 's/^[[:space:]]*\([0-9][0-9]*\)[[:space:]]*\([0-9A-F]*\/[0-9A-F]*\).*/\1 \2/p' "$newest" \
            | head -n 501 | tr '\n' ' ')"
        elif [ -r "$data/$wal" ]; then echo history=1
        fi
        """, host.Node.Host, ShellWord.Seconds(timeout)) with { Uses = ["living", "ended", "node", "server"] };

    /// <summary>Another node's port from this host; the exit status is pg_isready's (manual, "pg_isready"), 124 where it had to be ended.</summary>
    public static HostScript PortView(HostAccess from, NodeSpec to, string timeout) =>
        HostScript.On("port", "timeout {2} {0}/pg_isready -q -h {1} -p {3} -t 1", from.BinDirectory, to.Host, ShellWord.Seconds(timeout), to.Port.ToString(CultureInfo.InvariantCulture));
}
