using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;

namespace PgReplWatchdog.Setup;

/// <summary>What taking set-up away does on a host. Each may be run twice.</summary>
public static class RemovalScripts
{
    /// <summary>
    /// DROP OWNED takes away what was granted to it, and would drop what it owns: that is looked for first. A role that something in another database depends on stays, and the
    /// server's error says what it is.
    /// </summary>
    public static string DropRoleSql(string database, string role) => $"""
        \connect {database}
        DO $$ BEGIN
            IF EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'pgwatchdog' AND obj_description(oid, 'pg_namespace') LIKE '{RoleGrants.Mark}%') THEN
                DROP SCHEMA pgwatchdog CASCADE;
            END IF;
            IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') THEN
                RETURN;
            END IF;
            IF EXISTS (SELECT 1 FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname = '{role}') THEN
                RAISE EXCEPTION 'role {role} owns something: REASSIGN OWNED BY {role} TO another, in each database';
            END IF;
            DROP OWNED BY {role};
            DROP ROLE {role};
        END $$;

        """;

    private const int ReleaseSeconds = 20;

    /// <summary>A walsender holds its slot for a moment after its standby has gone.</summary>
    public static string DropSlotsSql(IEnumerable<string> slots)
    {
        var names = string.Join(", ", slots.Select(slot => $"'{slot}'"));
        return $"""
            DO $$ DECLARE began timestamptz := clock_timestamp(); BEGIN
                WHILE EXISTS (SELECT FROM pg_replication_slots WHERE slot_name IN ({names}) AND active) AND clock_timestamp() < began + interval '{ReleaseSeconds} s' LOOP
                    PERFORM pg_sleep(0.1);
                END LOOP;
            END $$;
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name IN ({names});

            """;
    }

    /// <summary>What the server is found by goes last: a run that is broken off leaves it for the next. What is no directory of files any more goes as a whole.</summary>
    public static string RemoveState(HostAccess host, IReadOnlyCollection<string> keep)
    {
        var directory = host.Node.StateDirectory;
        var passFile = host.Node.PassFile[(directory.Length + 1)..];
        var others = ShellWord.List(keep.Append("server.conf").SelectMany(name => new[] { "!", "-name", name }));
        return (keep.Contains(passFile) ? "" : Shell.OnServer(host, "write_home_passfile without || exit 1\n"))
            + Shell.Script("[ -d {0} ] || exit 0\nfind {0} -mindepth 1 -maxdepth 1 {1} -exec rm -rf {} + && rm -f {0}/server.conf || exit 1\n", directory, others)
            + (keep.Count > 0 ? "" : CopyScripts.FindKeys + Shell.Script("""
                # The other nodes' keys for the archive here.
                if [ -e "$keys" ] && grep -qF {1} "$keys"; then
                  cp -p "$keys" "$keys.pgwatchdog-new" || exit 1
                  grep -vF {1} "$keys" > "$keys.pgwatchdog-new"
                  [ $? -le 1 ] && mv -f "$keys.pgwatchdog-new" "$keys" || { rm -f "$keys.pgwatchdog-new"; exit 1; }
                fi
                rmdir {0}

                """, directory, directory + "/archive"));
    }
}
