using System.Globalization;
using PgReplWatchdog.Acting.Ssh;
using PgReplWatchdog.Configuration;
using PgReplWatchdog.Planning;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Setup;

/// <summary>Asks the hosts what set-up may fail by: room, rights, libraries, networks. Only reads.</summary>
public sealed class HostQuestions(ClusterAccess cluster, SetupHosts hosts)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Long enough for SYNs that got lost, and for a host that is busy: a server that is slow is not to be taken for a firewall.</summary>
    private const int SilenceSeconds = 10;

    /// <summary>psql could not connect (manual, "psql", exit status).</summary>
    private const int NoConnection = 2;

    public async Task<HostFacts> AskAsync(NodeFacts facts, CancellationToken cancellation)
    {
        var host = hosts[facts.Node];
        var said = (await host.RequireAsync(Script(host.Host, facts), Limit, cancellation)).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split('=', 2)).Where(pair => pair.Length == 2).ToLookup(pair => pair[0], pair => pair[1].Trim());
        return new HostFacts
        {
            Architecture = One("architecture"),
            CLibrary = One("c_library"),
            Icu = One("icu"),
            FreeBytes = Kilobytes("free_kilobytes") is { } free ? (free + (Kilobytes("copy_kilobytes") ?? 0)) * 1024 : null,
            WalLink = One("wal_link"),
            Links = new[] { ("link_hba", facts.HbaFile), ("link_config", facts.ConfigFile) }
                .Where(file => One(file.Item1) is not null).ToImmutableDictionary(file => file.Item2, file => One(file.Item1)!),
            Unwritable = [.. said["unwritable"]],
            DeniedVerbs = [.. said["denied"]],
        };

        string? One(string name) => said[name].FirstOrDefault(value => value.Length > 0);
        long? Kilobytes(string name) => long.TryParse(One(name), CultureInfo.InvariantCulture, out var number) ? number : null;
    }

    /// <summary>One "name=value" a line; unwritable and denied any number of times.</summary>
    private static string Script(HostAccess host, NodeFacts facts) => Shell.OnServer(host, """
        export LC_ALL=C
        hba={0} conf={1} managed={2} passfile={3} unit={4}
        echo "architecture=$(uname -m)"
        echo "c_library=$(getconf GNU_LIBC_VERSION 2> /dev/null || ldd --version 2>&1 | head -n 1)"
        echo "icu=$(ldd "$bin/postgres" 2> /dev/null | sed -n 's/.*libicui18n\.so\.\([0-9]*\).*/\1/p' | head -n 1)"
        # The directory that something would be put into, or that its directories would be made in.
        there() { place=${1%/*}; while [ ! -d "${place:=/}" ]; do place=${place%/*}; done; }
        there "$state"
        echo "free_kilobytes=$(df -Pk "$place" | tail -n 1 | sed -n 's/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/\1/p')"
        [ ! -d "$state/copy" ] || echo "copy_kilobytes=$(timeout 10 du -sk "$state/copy" 2> /dev/null | cut -f 1)"
        read_major
        [ ! -L "$data/$wal" ] || echo "wal_link=$(readlink "$data/$wal")"
        [ ! -L "$hba" ] || echo "link_hba=$(readlink -f "$hba")"
        [ ! -L "$conf" ] || echo "link_config=$(readlink -f "$conf")"
        for path in "$hba" "$conf" "$managed" "$passfile" "$state" "$data"; do
          [ "$path" != "$passfile" ] || [ -d "$state" ] || continue
          there "$(readlink -f "$path" || echo "$path")"
          [ -w "$place" ] || echo "unwritable=$path"
        done
        if has_unit; then
          for verb in start stop restart; do
            sudo -n -l systemctl "$verb" "$unit" > /dev/null 2>&1 < /dev/null || echo "denied=$verb"
          done
        fi
        """, facts.HbaFile, facts.ConfigFile, $"{host.Node.DataDirectory}/{ConfigurationText.ManagedFileName}", host.Node.PassFile, facts.Unit ?? "");

    /// <summary>Each node's port as each other host sees it, all at once.</summary>
    public async Task<ImmutableArray<NodeFacts>> WithReachesAsync(ImmutableArray<NodeFacts> facts, CancellationToken cancellation) =>
        [.. await Task.WhenAll(facts.Select(async node => node with { Host = node.Host with { Reaches = await ReachesAsync(node.Node, cancellation) } }))];

    private async Task<ImmutableDictionary<string, PortReach>> ReachesAsync(string from, CancellationToken cancellation)
    {
        var asked = cluster.Spec.Nodes.Where(to => to.Name != from).Select(async to => KeyValuePair.Create(to.Name, await ReachAsync(hosts[from], to, cancellation)));
        return (await Task.WhenAll(asked)).ToImmutableDictionary();
    }

    private static async Task<PortReach> ReachAsync(SshHost from, NodeSpec to, CancellationToken cancellation)
    {
        var script = $$"""
            timeout {{SilenceSeconds}} getent ahosts {1} > /dev/null 2>&1
            [ $? -ne 2 ] || { echo unknown; exit; }
            timeout {{SilenceSeconds}} {0}/pg_isready -q -h {1} -p {{to.Port}} -t {{2 * SilenceSeconds}}
            echo $?
            """;
        return (await from.RequireAsync(Shell.Script(script, from.Host.BinDirectory, to.Host), Limit, cancellation)).Trim() switch
        {
            "unknown" => PortReach.UnknownName,
            "0" or "1" => PortReach.Answers,
            "2" => PortReach.Refuses,
            "124" => PortReach.Silent, // timeout(1) had to end it: pg_isready alone does not tell silence from a refusal
            _ => PortReach.Unknown,
        };
    }

    /// <summary>As <see cref="SetupScripts.Psql"/>, without the options that only a superuser may give.</summary>
    private static string Login(HostAccess host) => Shell.Script("""
        export LC_ALL=C PGOPTIONS='-c default_transaction_read_only=on'
        {0}/psql -X -w -q -A -t -v ON_ERROR_STOP=1 -d postgres -p "$(sed -n 4p {1}/postmaster.pid)" -h "$(sed -n 5p {1}/postmaster.pid)" -f -
        """, host.BinDirectory, host.Node.DataDirectory);

    /// <summary>Set-up speaks SQL as PostgreSQL's account over the server's own socket.</summary>
    /// <exception cref="SshFailureException">It is not let in there, or is no superuser.</exception>
    public async Task RequireSuperuserAsync(string node, CancellationToken cancellation)
    {
        var host = hosts[node];
        var account = cluster.ServerAccount;
        var result = await host.RunAsync(Login(host.Host), Limit, cancellation, "SELECT current_user || ' ' || current_setting('is_superuser');");
        if (result.ExitStatus != 0)
        {
            var accepts = result.ExitStatus != NoConnection || (await host.RunAsync(SetupScripts.IsReady(host.Host), Limit, cancellation)).ExitStatus == 0;
            throw new SshFailureException(SshFailureKind.CommandFailed, $"{node}: {result.Error.Trim()}; " + (accepts
                ? $"set-up needs the account {account} to be let into PostgreSQL over its own socket, as the superuser of its name: "
                    + $"the role, and a line \"local all {account} peer\" at the top of pg_hba.conf"
                : "run set-up again when it accepts connections"));
        }
        var said = result.Output.Trim().Split(' ');
        if (said[^1] != "on")
            throw new SshFailureException(SshFailureKind.CommandFailed,
                $"{node}: the account {account} is no superuser in PostgreSQL, which set-up needs over the server's own socket: ALTER ROLE \"{said[0]}\" SUPERUSER, or correct ServerAccount");
    }
}
