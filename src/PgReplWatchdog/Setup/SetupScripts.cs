using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>What set-up does on a host, in POSIX shell. Each may be run twice; each that writes does it whole or not at all.</summary>
public static class SetupScripts
{
    /// <summary>Exit status of <see cref="ReadFile"/> for a file that is not there.</summary>
    public const int NoSuchFile = 66;

    /// <summary>Reads, and only reads: one "name=value" a line.</summary>
    public static string Facts(HostAccess host) => SqlText.Of("Setup.find-unit.sh") + Shell.OnServer(host, """
        export LC_ALL=C
        for program in pg_ctl postgres pg_controldata pg_basebackup psql; do
          [ -x "$bin/$program" ] || { echo "there is no $bin/$program: correct BinDirectory, or install PostgreSQL" >&2; exit 1; }
        done
        [ ! -e "$data" ] || [ -d "$data" ] || { echo "$data is not a directory: correct DataDirectory" >&2; exit 1; }
        if [ -L "$data" ]; then echo "immovable=a symbolic link to $(readlink "$data")"
        elif mountpoint -q "$data" 2>/dev/null; then echo "immovable=a mount point"; fi
        if [ -d {1} ]; then
          entries=$(ls -A {1}) || exit 1
          [ -z "$entries" ] && echo entries=0 || echo "entries=$(echo "$entries" | wc -l)"
        fi
        [ -r {1}/PG_VERSION ] && echo "version=$(head -n 1 {1}/PG_VERSION)"
        echo "program_version=$("$bin/postgres" --version | sed -n 's/^[^0-9]*\([0-9]*\(\.[0-9]*\)\?\).*/\1/p')"
        if is_standby; then echo standby_signal=yes; fi
        [ -d {2} ] && echo state_directory=yes && echo "state_files=$(ls -A {2} | tr '\n' /)"
        case $("$bin/postgres" --version) in
          *' 9.'*)
            find_home_passfile
            if [ -e "$state/passfile" ] && { [ ! -e "$home_passfile" ] || grep -qvxFf "$home_passfile" "$state/passfile"; }; then echo missing_in_home=yes; fi
            ;;
        esac
        above={1}
        until [ -d "$above" ]; do above=${above%/*}; above=${above:-/}; done
        disk=$(df -P -m "$above" | awk 'NR == 2 { print $2 }')
        [ -z "$disk" ] || echo "disk=$disk"
        for program in rsync ssh ssh-keygen ssh-keyscan flock sha256sum; do
          command -v $program > /dev/null || lacks="${lacks:+$lacks }$program"
        done
        [ -z "${lacks:-}" ] || echo "archive_lacks=$lacks"
        command -v rsync > /dev/null && command -v ssh > /dev/null && command -v ssh-keygen > /dev/null && command -v ssh-keyscan > /dev/null && echo rsync=yes
        wanted_config={4} wanted_unit={5}
        read_postmaster
        find_unit
        config=${wanted_config:-${debian:-$data}}
        echo "config_directory=$config"
        if [ -d /run/systemd/system ] && [ "$wanted_unit" != none ]; then
          find_running_unit
          unit=${wanted_unit:-$unit}
          [ -z "$unit" ] || echo "unit=$unit"
          conditions=$(systemctl show -p ExecStartPre "$unit" 2> /dev/null || cat "/etc/systemd/system/$unit.d/"*.conf 2> /dev/null) || true
          case $conditions in *boot-check*) ;; *) echo starts_unasked=yes ;; esac
        else
          echo starts_unasked=yes
        fi
        until_settled 20
        {0}/pg_ctl status -D {1} >/dev/null 2>&1 && echo running=yes
        [ -e {3} ] && /bin/sh {3} status && echo guard_runs=yes
        {0}/pg_controldata {1} 2>/dev/null | sed -n \
          -e 's/^Database cluster state: */control_state=/p' \
          -e 's/^Database system identifier: */system_identifier=/p' \
          -e "s/^Latest checkpoint's NextOID: */next_oid=/p"
        echo "watchdog_address=$1"
        """, host.BinDirectory, host.Node.DataDirectory, host.Node.StateDirectory, host.Node.Guard, host.ConfigDirectory, host.ServiceUnit);

    public static string ReadFile(string path) => Shell.Script($$"""[ -e {0} ] || exit {{NoSuchFile}}; cat {0}""", path);

    /// <summary>Beside it, then in its place: a connection that breaks leaves the old file, never half a new one. A symbolic link stays: what is at its end is written.</summary>
    public static string WriteFile(string path, int bytes) => Shell.Script($$"""
        umask 077
        file=$(readlink -f {0}) && new=$file.pgwatchdog-new || { echo {0}" leads nowhere" >&2; exit 1; }
        cat > "$new" && [ "$(wc -c < "$new")" -eq {{bytes}} ] || { rm -f "$new"; echo {0}" could not be written whole" >&2; exit 1; }
        if [ -e "$file" ]; then chmod --reference="$file" "$new"; fi
        mv -f "$new" "$file"
        """, path);

    /// <summary>Those of some files that are there, one a line.</summary>
    public static string Existing(params ReadOnlySpan<string> paths) =>
        string.Concat(paths.ToArray().Select(path => Shell.Script("[ ! -e {0} ] || printf '%s\n' {0}\n", path)));

    public static string MakeDirectory(string path) => Shell.Script("mkdir -p {0} && chmod 0700 {0}", path);

    /// <summary>The passfile's lines into the one in the account's home directory, before and after it is written anew.</summary>
    public static string WriteHomePassFile(HostAccess host, bool with) => Shell.OnServer(host, $"write_home_passfile {(with ? "with" : "without")}");

    /// <summary>With owner and mode, and whole or not at all.</summary>
    public static string KeepFile(string path, string kept) => Shell.Script("cp -p {0} {2} && mv -f {2} {1}", path, kept, kept + "-new");

    public static string RemoveFile(string path) => Shell.Script("rm -f {0}", path);

    /// <summary>SQL from standard input, as the account's own role over the server's own socket, which it finds in postmaster.pid.</summary>
    public static string Psql(HostAccess host, bool readOnly) => Shell.OnServer(host, """
        export LC_ALL=C PGOPTIONS={0}
        read_major
        [ "$major" -lt 12 ] || PGOPTIONS="$PGOPTIONS -c log_transaction_sample_rate=0"
        [ "$major" -lt 13 ] || PGOPTIONS="$PGOPTIONS -c log_min_duration_sample=-1"
        "$bin/psql" -X -w -q -A -t -v ON_ERROR_STOP=1 -d postgres -p "$(sed -n 4p "$data/postmaster.pid")" -h "$(sed -n 5p "$data/postmaster.pid")" -f -
        """, "-c synchronous_commit=local -c log_statement=none -c log_min_error_statement=panic -c lc_messages=C -c log_min_duration_statement=-1"
        + (readOnly ? " -c default_transaction_read_only=on" : ""));

    /// <summary>Whether the server accepts connections over its own socket, whoever asks: the exit status is pg_isready's.</summary>
    public static string IsReady(HostAccess host) => Shell.Script("""
        {0}/pg_isready -q -p "$(sed -n 4p {1}/postmaster.pid)" -h "$(sed -n 5p {1}/postmaster.pid)" -t 3
        """, host.BinDirectory, host.Node.DataDirectory);

    public static string Start(HostAccess host, int seconds) => Shell.OnServer(host, $"start_server {seconds} >&2");

    public static string Restart(HostAccess host, int seconds) => Shell.OnServer(host, $"restart_server {seconds} >&2");

    public static string Stop(HostAccess host, int seconds) => Shell.OnServer(host, $"stop_server {seconds} >&2");

    /// <summary>
    /// The node keeps its own identity map and gets what the primary has by ALTER SYSTEM, but for the settings that set-up gives it.
    /// Data that was there is moved, not deleted.
    /// </summary>
    public static string InstallCopy(string copy, string dataDirectory, string? moveAsideTo, IEnumerable<string> managed) => Shell.Script("""
        set -e
        if [ -f {1}/pg_ident.conf ]; then cp -p {1}/pg_ident.conf {0}/pg_ident.conf; fi
        [ ! -e {0}/postgresql.auto.conf ] || sed -i -E {3} {0}/postgresql.auto.conf # ALTER SYSTEM came with 9.4
        if [ -e {1} ]; then mv {1} {2}; fi
        rm -f {0}/*.before-pgwatchdog # the primary's files as they were before
        mv {0} {1}
        rm -f {0}.pid {0}.tablespaces
        """, copy, dataDirectory, moveAsideTo ?? dataDirectory + ".before-pgwatchdog", $"/^({string.Join('|', managed)}) =/d");

    /// <summary>A guard that runs has read its old text: it is ended before the new one takes its place.</summary>
    public static string StopGuard(NodeSpec node) => Shell.Script("[ ! -e {0} ] || /bin/sh {0} stop", node.Guard);

    public static string StartGuard(NodeSpec node) => Shell.Script("chmod 0700 {0} && /bin/sh {0} start", node.Guard);

    /// <summary>Disarmed first: whatever becomes of the rest, it stops nothing any more. What it may have put into the data directory stays.</summary>
    public static string RemoveGuard(NodeSpec node) => Shell.Script("""
        rm -f {0}.armed || exit 1
        [ ! -e {0} ] || /bin/sh {0} stop || exit 1
        rm -f {0} {0}.conf {0}.pid {0}.log
        """, node.Guard);

    public static string LogTail(HostAccess host) => Shell.OnServer(host, "last_words 15");
}
