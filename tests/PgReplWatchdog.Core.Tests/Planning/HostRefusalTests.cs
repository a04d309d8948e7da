using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>What of the hosts themselves stands in the way of a set-up, and what is only worth a warning.</summary>
public class HostRefusalTests
{
    private const long MiB = 1024 * 1024;

    /// <summary>As the gatherer finds two bare hosts whose primary listens on localhost.</summary>
    private static NodeFacts Server(string node) => Hosts.Server(node) with { DirectoryBytes = 1000 * MiB, WalBytes = 100 * MiB, Host = Good(node) };

    private static NodeFacts Nothing(string node) => Hosts.Nothing(node) with { Host = Good(node) };

    private static HostFacts Good(string node) => new()
    {
        Architecture = "x86_64",
        CLibrary = "glibc 2.36",
        Icu = "72",
        FreeBytes = 1100 * MiB,
        Reaches = Two().Nodes.Where(other => other.Name != node).ToImmutableDictionary(other => other.Name, _ => PortReach.Refuses),
    };

    private static NodeFacts Beta(Func<HostFacts, HostFacts> but) => Nothing(Clusters.Beta) with { Host = but(Good(Clusters.Beta)) };

    private static NodeFacts Listening(string node) => Server(node) with { Settings = Hosts.Server(node).Settings.SetItem("listen_addresses", new Setting("*", "postmaster")) };

    private static HostFacts Sees(HostFacts host, string node, PortReach reach) => host with { Reaches = host.Reaches.SetItem(node, reach) };

    private static string Refusal(NodeFacts alpha, NodeFacts beta)
    {
        var plan = new Hosts(Two(), alpha, beta).Plan();
        Assert.Empty(plan.Steps);
        return Assert.Single(plan.Refusals);
    }

    private static string Warning(NodeFacts alpha, NodeFacts beta)
    {
        var plan = new Hosts(Two(), alpha, beta).Plan();
        Assert.Empty(plan.Refusals);
        Assert.NotEmpty(plan.Steps);
        return Assert.Single(plan.Warnings);
    }

    [Fact]
    public void Hosts_as_they_should_be()
    {
        var plan = new Hosts(Two(), Server(Alpha), Nothing(Clusters.Beta)).Plan();
        Assert.Empty(plan.Refusals);
        Assert.Empty(plan.Warnings);
    }

    [Theory]
    [InlineData(null, "have what starts PostgreSQL there run `/data/alpha.pgwatchdog/guard boot-check 60` first, as PostgreSQL's account, and start it only where that succeeds")]
    [InlineData("postgresql.service", "run what `pgwatchdog config host main alpha` prints on its host, as root")]
    public void Nothing_asks_the_guard_at_boot(string? unit, string advice) => Assert.Equal(
        "no systemd unit asks the guard of alpha before PostgreSQL starts there: a host that boots after a failover may take writes beside the new primary, until the watchdog has stopped it; " + advice,
        Warning(Server(Alpha) with { StartsUnasked = true, Unit = unit }, Nothing(Clusters.Beta)));

    [Fact]
    public void Where_no_unit_starts_PostgreSQL_that_is_said_when_the_guard_is_installed() =>
        Assert.Empty(new Hosts(Two(), Server(Alpha) with { StartsUnasked = true, GuardCurrent = true }, Nothing(Clusters.Beta)).Plan().Warnings);

    [Fact]
    public void Nothing_asks_at_boot_where_there_is_no_guard() =>
        Assert.Empty(new Hosts(Two(new Policy { GuardTimeToLive = TimeSpan.Zero }), Server(Alpha) with { StartsUnasked = true }, Nothing(Clusters.Beta)).Plan().Warnings);

    [Fact]
    public void Hosts_of_which_nothing_is_known()
    {
        var plan = new Hosts(Two(), Hosts.Server(Alpha), Hosts.Nothing(Clusters.Beta)).Plan();
        Assert.Empty(plan.Refusals);
        Assert.Empty(plan.Warnings);
    }

    [Theory]
    [InlineData("FIRST 1 (beta)", "/data/alpha/postgresql.conf", // the copy takes it along
        "after a failover to beta commits would wait there: synchronous_standby_names on beta is FIRST 1 (beta), and there is no other standby: change it on beta")]
    [InlineData("gamma", "/etc/postgresql/15/main/postgresql.conf",
        "commits on alpha wait: synchronous_standby_names on alpha is gamma, and the other standbys are beta: change it on alpha")]
    public void Synchronous_standby_names_that_keep_commits_waiting(string names, string file, string warning) => Assert.Equal(warning, Warning(
        Server(Alpha) with { Settings = Hosts.Server(Alpha).Settings.SetItem("synchronous_standby_names", new Setting(names, "sighup", SourceFile: file)) },
        Nothing(Clusters.Beta)));

    [Fact]
    public void No_room_for_the_copy_with_both_numbers() => Assert.Equal(
        "beta: the copy needs about 1100 MiB where /data/beta.pgwatchdog is (1000 of data, 100 for WAL), and 1099 MiB are free there: make room",
        Refusal(Server(Alpha), Beta(host => host with { FreeBytes = (1100 * MiB) - 1 })));

    [Fact]
    public void WAL_that_a_slot_keeps_on_the_primary_is_not_copied() => Assert.Contains(" (1000 of data, 64 for WAL), ", Refusal(
        Server(Alpha) with { WalBytes = 5000 * MiB, Settings = Hosts.Server(Alpha).Settings.SetItem("max_wal_size", new Setting("64", "sighup")) },
        Beta(host => host with { FreeBytes = 0 })), StringComparison.Ordinal);

    [Fact]
    public void Hardly_any_WAL_is_two_segments() => Assert.Contains(" (1000 of data, 32 for WAL), ",
        Refusal(Server(Alpha) with { WalBytes = 0 }, Beta(host => host with { FreeBytes = 0 })), StringComparison.Ordinal);

    [Fact]
    public void Standby_that_is_not_copied_needs_no_room()
    {
        var hosts = new Hosts(Two(), Server(Alpha), Nothing(Clusters.Beta)).SetUp();
        hosts[Clusters.Beta] = hosts[Clusters.Beta] with { Host = Sees(Good(Clusters.Beta), Alpha, PortReach.Answers) with { FreeBytes = 0 } };
        Assert.True(hosts.Plan().ChangesNothing);
    }

    [Fact]
    public void Different_architectures() => Assert.StartsWith("the nodes have different architectures (alpha x86_64, beta aarch64): a standby has that of its primary",
        Refusal(Server(Alpha), Beta(host => host with { Architecture = "aarch64" })), StringComparison.Ordinal);

    [Fact]
    public void Unit_that_may_not_be_managed() => Assert.Equal(
        "beta: PostgreSQL's account may not run systemctl start|stop postgresql@15-main.service by sudo: run there as root what pgwatchdog config host main beta prints",
        Refusal(Server(Alpha), Beta(host => host with { DeniedVerbs = ["start", "stop"] }) with { Unit = "postgresql@15-main.service" }));

    [Fact]
    public void Directory_that_cannot_be_written()
    {
        var beta = Hosts.Fresh(Clusters.Beta) with { ConfigFile = "/etc/pg/postgresql.conf", HbaFile = "/etc/pg/pg_hba.conf" };
        Assert.StartsWith("beta: PostgreSQL's account cannot write /etc/pg/pg_hba.conf and /etc/pg/postgresql.conf: ",
            Refusal(Server(Alpha), beta with { Host = Good(Clusters.Beta) with { Unwritable = ["/etc/pg/postgresql.conf", "/etc/pg/pg_hba.conf"] } }), StringComparison.Ordinal);
    }

    [Fact]
    public void Parent_of_the_data_directory_that_cannot_be_written() => Assert.StartsWith(
        "beta: PostgreSQL's account cannot write /data/beta.pgwatchdog and /data/beta: ",
        Refusal(Server(Alpha), Beta(host => host with { Unwritable = ["/data/beta.pgwatchdog", "/data/beta"] })), StringComparison.Ordinal);

    [Fact]
    public void What_is_not_to_be_written_need_not_be_writable()
    {
        var hosts = new Hosts(Two(), Server(Alpha), Nothing(Clusters.Beta)).SetUp();
        hosts[Alpha] = hosts[Alpha] with { Host = Good(Alpha) with { Unwritable = ["/data/alpha/postgresql.conf"] } };
        Assert.True(hosts.Plan().ChangesNothing);
    }

    [Fact]
    public void Silence_from_the_primary() => Assert.StartsWith("beta's host gets no answer from alpha's 10.0.0.1:5432, not even a refusal: let a firewall",
        Refusal(Server(Alpha), Beta(host => Sees(host, Alpha, PortReach.Silent))), StringComparison.Ordinal);

    [Fact]
    public void Name_of_the_primary_that_the_standby_does_not_know() => Assert.StartsWith("beta's host does not know the name 10.0.0.1 of alpha: ",
        Refusal(Server(Alpha), Beta(host => Sees(host, Alpha, PortReach.UnknownName))), StringComparison.Ordinal);

    [Fact]
    public void Refusal_where_the_primary_listens() => Assert.StartsWith("beta's host is refused by alpha's 10.0.0.1:5432, where PostgreSQL listens: ",
        Refusal(Listening(Alpha), Nothing(Clusters.Beta)), StringComparison.Ordinal);

    [Fact]
    public void Silence_from_the_standby_is_a_warning() => Assert.EndsWith("in both directions; once beta is primary, alpha could not follow it",
        Warning(Server(Alpha) with { Host = Sees(Good(Alpha), Clusters.Beta, PortReach.Silent) }, Nothing(Clusters.Beta)), StringComparison.Ordinal);

    [Fact]
    public void Other_C_library_is_a_warning() => Assert.StartsWith("the nodes sort text by different versions of the C library (alpha glibc 2.36, beta glibc 2.31): ",
        Warning(Server(Alpha), Beta(host => host with { CLibrary = "glibc 2.31" })), StringComparison.Ordinal);

    [Fact]
    public void Other_ICU_library_is_a_warning() => Assert.StartsWith("the nodes sort text by different versions of the ICU library (alpha 72, beta 67): ",
        Warning(Server(Alpha), Beta(host => host with { Icu = "67" })), StringComparison.Ordinal);

    [Fact]
    public void Link_in_place_of_the_primarys_pg_wal_is_a_warning() => Assert.StartsWith("pg_wal of alpha is a link to /wal/alpha: the copy on beta has it as a directory; ",
        Warning(Server(Alpha) with { Host = Good(Alpha) with { WalLink = "/wal/alpha" } }, Nothing(Clusters.Beta)), StringComparison.Ordinal);

    [Fact]
    public void Link_in_place_of_the_standbys_pg_wal_is_a_warning() => Assert.StartsWith("pg_wal of beta is a link to /wal/beta: it is moved aside ",
        Warning(Server(Alpha), Hosts.Fresh(Clusters.Beta) with { Host = Good(Clusters.Beta) with { WalLink = "/wal/beta" } }), StringComparison.Ordinal);

    [Fact]
    public void Configuration_that_is_a_link_and_moved_aside_is_a_warning() => Assert.StartsWith("/data/beta/pg_hba.conf of beta is a link to /shared/pg_hba.conf: it is moved aside ",
        Warning(Server(Alpha), Hosts.Fresh(Clusters.Beta) with
        {
            Host = Good(Clusters.Beta) with { Links = ImmutableDictionary<string, string>.Empty.Add("/data/beta/pg_hba.conf", "/shared/pg_hba.conf") },
        }), StringComparison.Ordinal);
}
