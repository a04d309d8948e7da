using System.Text.Json.Nodes;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>The dashboards, without Grafana: that they ask for what there is, and are put together as Grafana wants them.</summary>
public sealed class DashboardTests
{
    private const string DataSource = "${datasource}";
    private const int Columns = 24;

    public static TheoryData<string> Files => [.. Dashboard.All.Select(dashboard => dashboard.File)];

    [Fact]
    public void There_are_three_and_each_has_a_name_of_its_own()
    {
        Assert.Equal(["pgwatchdog-cluster", "pgwatchdog-failover", "pgwatchdog-fleet"], Dashboard.All.Select(dashboard => dashboard.Uid));
        Assert.Equal(3, Dashboard.All.Select(dashboard => (string)dashboard.Json["title"]!).Distinct().Count());
    }

    [Theory, MemberData(nameof(Files))]
    public void They_ask_for_what_there_is(string file) => Assert.Empty(Of(file).Expressions.SelectMany(Expressions.Mistakes));

    [Theory, MemberData(nameof(Files))]
    public async Task Prometheus_understands_what_they_ask(string file)
    {
        var rules = Of(file).Expressions.Select((expression, index) => new JsonObject { ["record"] = $"query:{index}", ["expr"] = expression }).ToArray<JsonNode>();
        var asRules = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(asRules, new JsonObject { ["groups"] = new JsonArray(new JsonObject { ["name"] = "queries", ["rules"] = new JsonArray(rules) }) }.ToJsonString(), TestContext.Current.CancellationToken);
            Assert.NotEmpty(rules);
            await Promtool.RequireAsync(["check", "rules", asRules]); // JSON is YAML
        }
        finally
        {
            File.Delete(asRules);
        }
    }

    [Theory, MemberData(nameof(Files))]
    public void A_panel_says_what_it_shows_in_what_unit_and_asks_the_chosen_source(string file)
    {
        Assert.All(Of(file).Panels, panel =>
        {
            Assert.False(string.IsNullOrWhiteSpace((string?)panel["title"]));
            Assert.False(string.IsNullOrWhiteSpace((string?)panel["description"]), $"{panel["title"]} has no description");
            Assert.False(string.IsNullOrWhiteSpace((string?)panel["fieldConfig"]!["defaults"]!["unit"]), $"{panel["title"]} has no unit");
            Assert.Equal(DataSource, (string?)panel["datasource"]!["uid"]);
            Assert.NotEmpty(panel["targets"]!.AsArray());
            Assert.All(panel["targets"]!.AsArray(), target => Assert.Equal(DataSource, (string?)target!["datasource"]!["uid"]));
            Assert.Equal(panel["targets"]!.AsArray().Count, panel["targets"]!.AsArray().Select(target => (string)target!["refId"]!).Distinct().Count());
        });
    }

    [Theory, MemberData(nameof(Files))]
    public void Panels_have_numbers_of_their_own_and_do_not_overlap(string file)
    {
        var panels = Of(file).Json["panels"]!.AsArray().Select(panel => panel!).ToList();
        Assert.Equal(panels.Count, panels.Select(panel => (int)panel["id"]!).Distinct().Count());
        var places = panels.Select(panel => panel["gridPos"]!).Select(place => (X: (int)place["x"]!, Y: (int)place["y"]!, W: (int)place["w"]!, H: (int)place["h"]!)).ToList();
        Assert.All(places, place => Assert.True(place is { X: >= 0, Y: >= 0, W: > 0, H: > 0 } && place.X + place.W <= Columns));
        foreach (var (index, one) in places.Index())
            Assert.DoesNotContain(places.Skip(index + 1), other => one.X < other.X + other.W && other.X < one.X + one.W && one.Y < other.Y + other.H && other.Y < one.Y + one.H);
    }

    [Theory, MemberData(nameof(Files))]
    public void A_board_can_be_provisioned_shows_failovers_and_leads_to_the_others(string file)
    {
        var board = Of(file).Json;
        Assert.Null(board["id"]); // Grafana gives it
        Assert.Contains("pgwatchdog", board["tags"]!.AsArray().Select(tag => (string)tag!));
        var variables = board["templating"]!["list"]!.AsArray().ToDictionary(variable => (string)variable!["name"]!, variable => variable!);
        Assert.Equal("prometheus", (string?)variables["datasource"]["query"]);
        Assert.Equal("label_values(pgwatchdog_cluster_nodes, cluster)", (string?)variables["cluster"]["query"]!["query"]);
        Assert.Equal(DataSource, (string?)variables["cluster"]["datasource"]!["uid"]);
        var failovers = board["annotations"]!["list"]!.AsArray().Where(annotation => annotation!["expr"] is not null).ToList();
        Assert.Equal(2, failovers.Count);
        Assert.All(failovers, annotation => Assert.Equal((true, DataSource), ((bool)annotation!["useValueForTime"]!, (string?)annotation["datasource"]!["uid"])));
        var text = board.ToJsonString();
        Assert.All(Dashboard.All, other => Assert.True(other.File == file || text.Contains($"/d/{other.Uid}", StringComparison.Ordinal), $"no way to {other.Uid}"));
    }

    [Fact]
    public void What_provisions_them_names_the_source_and_the_folder_that_is_theirs()
    {
        var provisioning = Path.Combine(Repository.Root, "grafana", "provisioning");
        Assert.Contains("type: prometheus", File.ReadAllText(Path.Combine(provisioning, "datasources", "pgwatchdog.yml")), StringComparison.Ordinal);
        Assert.Contains("allowUiUpdates: false", File.ReadAllText(Path.Combine(provisioning, "dashboards", "pgwatchdog.yml")), StringComparison.Ordinal);
    }

    private static Dashboard Of(string file) => Dashboard.All.Single(dashboard => dashboard.File == file);
}
