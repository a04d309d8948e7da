using System.Security.Cryptography;
using System.Text;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>
/// What the two roles may execute beside what everybody may (names were checked with the configuration and need no quotes): pg_promote by SQL, and what
/// pg_rewind reads its source with (manual, pg_rewind, "Notes"). Grants on functions are of one database: the watchdog's. What else a check reads is in a schema that is
/// made for the watchdog's role (schema.sql), so that it is no member of pg_read_all_stats, which sees every session's query.
/// </summary>
public static class RoleGrants
{
    private static ImmutableArray<string> Watchdog(SqlRoles roles, PostgresVersion version) =>
        [.. version.HasPromoteFunction ? ["pg_promote(boolean, integer)"] : Array.Empty<string>(), .. roles.BacksUp ? BackupFunctions(version) : []];

    private static ImmutableArray<string> BackupFunctions(PostgresVersion version) => version.HasRenamedBackupFunctions
        ? ["pg_backup_start(text, boolean)", "pg_backup_stop(boolean)"]
        : !version.HasNonExclusiveBackup ? [] // set-up itself begins it, as a superuser
        : ["pg_start_backup(text, boolean, boolean)", version.StopsBackupWithoutArchive ? "pg_stop_backup(boolean, boolean)" : "pg_stop_backup(boolean)"];

    private static ImmutableArray<string> Replication(PostgresVersion version) => !version.RewindsByGrant ? [] :
    [
        "pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)", "pg_read_binary_file(text, bigint, bigint, boolean)",
    ];

    /// <summary>What creates one of the roles, or puts it right, with a verifier in the place of its password; in psql.</summary>
    public static string Statements(SqlRoles roles, PostgresVersion version, string role, string verb, string verifier, int connectionLimit = ReplicationSettings.NoLimit)
    {
        var rights = role == roles.Replication ? "LOGIN REPLICATION" : "LOGIN";
        var limit = verb == "CREATE" && connectionLimit >= 0 ? $" CONNECTION LIMIT {connectionLimit}" : "";
        return $"""
            BEGIN;
            {verb} ROLE {role} {rights}{limit} PASSWORD '{verifier}';
            {(verb == "ALTER" ? RaiseLimit(role, connectionLimit) : "")}COMMIT;
            {Grant(roles, version, role)}{(verb == "ALTER" ? RevokeFormer(roles, version, role) : "")}
            """;
    }

    /// <summary>A limit is raised or taken away, never lowered: what a person has given more of is left.</summary>
    private static string RaiseLimit(string role, int limit) =>
        $"DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}' AND rolconnlimit >= 0 AND {(limit < 0 ? "true" : $"rolconnlimit < {limit}")}) THEN "
        + $"ALTER ROLE {role} CONNECTION LIMIT {limit}; END IF; END $$;\n";

    /// <summary>What set-up granted before there was the schema. Every role may execute these functions, unless somebody has taken that away.</summary>
    private static string RevokeFormer(SqlRoles roles, PostgresVersion version, string role)
    {
        if (role != roles.Watchdog || !version.HasNamesOfToday)
            return "";
        var flush = version.Number >= 170000 ? ", boolean" : "";
        return $"REVOKE pg_read_all_stats FROM {role};\n"
            + RevokeExecute([$"pg_logical_emit_message(boolean, text, text{flush})", $"pg_logical_emit_message(boolean, text, bytea{flush})"], role);
    }

    /// <summary>All that set-up does with roles, for a person to read.</summary>
    public static string ForReview(SqlRoles roles, PostgresVersion version, int connectionLimit) =>
        $"-- The roles as pgwatchdog setup creates them on PostgreSQL {version}. No password is sent to a server, only its {(version.HasScram ? "SCRAM" : "md5")} verifier.\n"
        + string.Concat(new[] { roles.Replication, roles.Watchdog }.Select(role => Statements(roles, version, role, "CREATE", version.HasScram ? "SCRAM-SHA-256$..." : "md5...",
            role == roles.Replication ? connectionLimit : SqlRoles.WatchdogConnections)));

    /// <summary>The statements for one of the roles, in psql.</summary>
    private static string Grant(SqlRoles roles, PostgresVersion version, string role) =>
        In(roles) + string.Concat(Functions(roles, version, role).Select(function => $"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {role};\n"))
            + (role == roles.Watchdog ? $"\\set role {role}\n\\set mark '{SchemaMark(version)}'\n{SchemaText(version)}" : "");

    /// <summary>By these words it is known for set-up's own; after them comes from which text it was made.</summary>
    public const string Mark = "pgwatchdog setup ";

    private const string SchemaRights = """

        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgwatchdog FROM PUBLIC;
        GRANT USAGE ON SCHEMA pgwatchdog TO :role;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgwatchdog TO :role;
        GRANT SELECT ON ALL TABLES IN SCHEMA pgwatchdog TO :role;
        COMMIT;

        """;

    private static string SchemaText(PostgresVersion version) =>
        SqlText.Of("Setup.Sql.schema.sql") + (version.HasNamesOfToday ? "" : '\n' + SqlText.Of("Setup.Sql.before-10.sql")) + SchemaRights;

    /// <summary>It is made anew where its text is another, or where pg_upgrade has carried it to another major version.</summary>
    private static string SchemaMark(PostgresVersion version) =>
        Mark + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{version} {SchemaText(version)}")))[..16];

    /// <summary>Takes from one of the roles what it may execute, in psql: all of it or nothing.</summary>
    public static string Revoke(SqlRoles roles, PostgresVersion version, string role) => In(roles) + "BEGIN;\n"
        + RevokeExecute(Functions(roles, version, role), role) + "COMMIT;\n";

    private static string RevokeExecute(ImmutableArray<string> functions, string role) =>
        string.Concat(functions.Select(function => $"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM {role};\n"));

    /// <summary>A query in psql: the roles that exist and lack nothing, one a line.</summary>
    public static string Question(SqlRoles roles, PostgresVersion version) => In(roles) + string.Join("UNION ALL\n", new[] { roles.Watchdog, roles.Replication }.Select(role =>
        $"SELECT rolname FROM pg_roles WHERE rolname = '{role}'\n" + string.Concat(Functions(roles, version, role).Select(function =>
            $"AND has_function_privilege(oid, 'pg_catalog.{function}', 'EXECUTE')\n")) + (role != roles.Watchdog ? "" :
            $"AND EXISTS (SELECT 1 FROM pg_namespace AS made WHERE nspname = 'pgwatchdog' AND obj_description(made.oid, 'pg_namespace') = '{SchemaMark(version)}' "
                + "AND has_schema_privilege(pg_roles.oid, made.oid, 'USAGE'))\n"))) + ";";

    private static ImmutableArray<string> Functions(SqlRoles roles, PostgresVersion version, string role) => role == roles.Watchdog ? Watchdog(roles, version) : Replication(version);

    private static string In(SqlRoles roles) => $"\\connect {roles.Database}\n";
}
