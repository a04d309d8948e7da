using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Acting;

/// <summary>What the watchdog does on a host in a failover. POSIX shell; each may be run again.</summary>
public static class HostCommands
{
    /// <summary>Exit status of <see cref="CreateTriggerFile"/> when the server has not taken the file.</summary>
    public const int NotHeeded = 75;

    /// <summary>
    /// Creates the trigger file and signals the startup process every 100 ms until the server has taken the file away, which it does
    /// as the first thing of a promotion. Without a signal an idle standby looks every 5 s; a single one can be slept through
    /// (it may come in the moment before the process goes to sleep between two connection attempts).
    /// </summary>
    public static string CreateTriggerFile(HostAccess host, string triggerFile, int signals) => Shell.Script($$"""
        : > {0} || exit 1
        postmaster=$(head -n 1 {1}/postmaster.pid) || exit 1
        tries=0
        while [ -e {0} ]; do
          [ $tries -lt {{signals}} ] || exit {{NotHeeded}}
          pkill -HUP -P "$postmaster" -f startup
          tries=$((tries + 1))
          sleep 0.1
        done
        """, triggerFile, host.Node.DataDirectory);

    public static string RemoveTriggerFile(string triggerFile) => Shell.Script("rm -f {0}", triggerFile);

    /// <summary>
    /// Arms the guard, or gives it another order; starts it where it does not run, unarmed: one that finds itself armed takes
    /// the server for one that came back. Armed it is when its session says so in pg_stat_activity.
    /// </summary>
    /// <param name="host">The node.</param>
    /// <param name="order">The order file's text, GuardOrder.Line.</param>
    public static string ArmGuard(HostAccess host, string order) => Shell.Script("""
        umask 077
        /bin/sh {0} status || { rm -f {0}.armed && /bin/sh {0} start && sleep 1; } || exit 1
        printf %s {1} > {0}.armed.new && mv -f {0}.armed.new {0}.armed
        """, host.Node.Guard, order);

    /// <summary>Without its order the guard does nothing, whatever its server does.</summary>
    public static string DisarmGuard(HostAccess host) => Shell.Script("rm -f {0}", host.Node.GuardOrderFile);

    /// <summary>
    /// Stops PostgreSQL at once. Immediate mode: it must not wait for anybody, and its data will be rewound or copied anew anyway.
    /// A server that is not running is what was wanted.
    /// </summary>
    public static string StopServer(HostAccess host, int seconds) => Shell.Script($$"""
        {0}/pg_ctl stop -D {1} -m immediate -w -t {{seconds}} 2>&1
        {0}/pg_ctl status -D {1} >/dev/null 2>&1
        [ $? -eq 3 ]
        """, host.BinDirectory, host.Node.DataDirectory);
}
