using static PgReplWatchdog.Core.Tests.Clusters;

namespace PgReplWatchdog.Core.Tests.Planning;

/// <summary>What a copy needs beside a data directory: rsync where it is asked for, and room for the tablespaces.</summary>
public class CopyPlannerTests
{
    private const string There = "/srv/spare";

    private static Hosts Bare(TablespaceDirectory? found = null, ClusterSpec? spec = null) => new(spec ?? Two(),
        Hosts.Server(Alpha) with { Tablespaces = [new Tablespace(16411, "spare", There)] },
        Hosts.Nothing(Beta) with { TablespaceDirectories = found is null ? [] : [found] });

    [Fact]
    public void By_default_it_is_pg_basebackup_and_nobody_needs_rsync()
    {
        var copy = Assert.Single(new Hosts(Two(), Hosts.Server(Alpha), Hosts.Nothing(Beta)).Plan().Steps.OfType<SetupStep.CopyFromPrimary>());
        Assert.Equal(CopyMethod.BaseBackup, copy.Method);
        Assert.Contains("by pg_basebackup", copy.Title, StringComparison.Ordinal);
    }

    [Fact]
    public void Rsync_has_to_be_on_both_hosts()
    {
        var spec = Two() with { CopyMethod = CopyMethod.Rsync };
        var hosts = new Hosts(spec, Hosts.Server(Alpha) with { HasRsync = true }, Hosts.Nothing(Beta));
        Assert.Contains("beta: rsync, ssh, ssh-keygen or ssh-keyscan is missing", Assert.Single(hosts.Plan().Refusals), StringComparison.Ordinal);
        hosts[Beta] = hosts[Beta] with { HasRsync = true };
        Assert.Contains("by rsync", Assert.Single(hosts.Plan().Steps.OfType<SetupStep.CopyFromPrimary>()).Title, StringComparison.Ordinal);
        Assert.True(hosts.SetUp().Plan().ChangesNothing);
    }

    public static TheoryData<TablespaceDirectory, string> Refused() => new()
    {
        { new(There, null, Writable: false), "create it, empty and owned by" },
        { new(There, 0, Writable: false), "make it that account's" },
        { new(There, 3, Writable: true), "which is not empty and belongs to no data" },
        { new(There, 3, Writable: true, "a mount point", IsOwn: true), "cannot be moved aside: it is a mount point" },
        { new("/elsewhere", 0, Writable: true), "run setup again" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_tablespace_without_a_place_is_refused_with_what_to_do(TablespaceDirectory found, string words)
    {
        var plan = Bare(found).Plan();
        Assert.Contains(words, Assert.Single(plan.Refusals), StringComparison.Ordinal);
        Assert.Empty(plan.Steps);
    }

    public static TheoryData<TablespaceDirectory, string?> Accepted() => new()
    {
        { new(There, null, Writable: true), $"claim {There} for a tablespace of the copy" },
        { new(There, 0, Writable: true, "a mount point"), $"claim {There} for a tablespace of the copy" },
        { new(There, 3, Writable: true, IsOwn: true), $"move {There} aside to {There}.before-pgwatchdog-{Hosts.NoOptions.Stamp} and claim it for a tablespace of the copy" },
        { new(There, 3, Writable: true, IsOfCopy: true), null },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_tablespace_is_given_its_place_before_the_copy(TablespaceDirectory found, string? title)
    {
        var steps = Bare(found).Plan().Steps;
        var copy = Assert.Single(steps.OfType<SetupStep.CopyFromPrimary>());
        Assert.Equal([new TablespaceCopy(16411, There, There)], copy.Tablespaces);
        Assert.Equal(title, steps.OfType<SetupStep.PrepareTablespace>().SingleOrDefault()?.Title);
        Assert.All(steps.OfType<SetupStep.PrepareTablespace>(), step => Assert.True(steps.IndexOf(step) < steps.IndexOf(copy)));
    }

    [Fact]
    public void Nodes_on_one_host_need_a_mapping()
    {
        var spec = Two();
        spec = spec with { Nodes = [.. spec.Nodes.Select(node => node with { Host = "10.0.0.1", Port = node.Name == Alpha ? 5432 : 5433 })] };
        var hosts = Bare(new(There, null, Writable: true), spec);
        hosts[Alpha] = hosts[Alpha] with { Settings = hosts[Alpha].Settings.SetItem("port", new Setting("5432", "postmaster")) };
        Assert.Contains("give beta a TablespaceMapping", Assert.Single(hosts.Plan().Refusals), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "/a=/b", "/a", "/b")]
    [InlineData("/a=/b", "", "/b", "/a")] // the way back needs no second mapping
    [InlineData("/a=/b", "/a=/c", "/b", "/c")]
    [InlineData("", "/a=/b", "/other", "/other")]
    [InlineData("/a=/b", "/b=/d", "/b", "/a")]
    public void A_mapping_is_told_from_the_place_that_a_node_without_one_has(string ofSource, string ofTarget, string location, string expected)
    {
        var (source, target) = (Mapped(Alpha, ofSource), Mapped(Beta, ofTarget));
        Assert.Equal(expected, TablespaceMove.Target(source, target, location));
        Assert.Equal(expected, TablespaceMove.Between(source, target).FirstOrDefault(move => move.From == location)?.To ?? location);
    }

    private static NodeSpec Mapped(string name, string mapping) => new(name, name, 5432, $"/data/{name}")
    {
        TablespaceMapping = mapping.Length == 0 ? [] : [new TablespaceMove(mapping.Split('=')[0], mapping.Split('=')[1])],
    };
}
