namespace PgReplWatchdog.Tests.Observability;

/// <summary>The alert rules, what is said about them, and who is told.</summary>
public sealed class AlertRuleTests
{
    private const string DeadMansSwitch = "PgWatchdogAlertPipelineAlive";

    private static readonly string Folder = Path.Combine(Repository.Root, "deploy", "prometheus");
    private static readonly List<Rule> Rules = [.. Yaml.Read<RuleFile>(Path.Combine(Folder, "pgwatchdog.rules.yml")).Groups.SelectMany(group => group.Rules)];
    private static readonly List<Rule> AlertRules = [.. Rules.Where(rule => rule.Alert.Length > 0)];
    private static readonly IReadOnlyList<string> CaseFiles = [.. Directory.EnumerateFiles(Path.Combine(Folder, "tests"), "*.test.yml").Order(StringComparer.Ordinal)];

    public static TheoryData<string> Alerts => [.. AlertRules.Select(rule => rule.Alert)];

    [Fact]
    public async Task Prometheus_takes_them()
    {
        await Promtool.RequireAsync(["check", "rules", "deploy/prometheus/pgwatchdog.rules.yml"]);
        await Promtool.RequireAsync(["check", "config", "deploy/prometheus/prometheus.yml"]);
    }

    [Fact]
    public async Task They_fire_where_they_should_and_nowhere_else() => await Promtool.RequireAsync(["test", "rules", .. CaseFiles]);

    [Theory, MemberData(nameof(Alerts))]
    public void An_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(string alert)
    {
        var cases = CaseFiles.SelectMany(file => Yaml.Read<RuleCases>(file).Tests).SelectMany(test => test.AlertRuleTest).Where(test => test.Alertname == alert).ToList();
        Assert.Contains(cases, test => test.ExpAlerts.Count > 0);
        Assert.True(alert == DeadMansSwitch || cases.Any(test => test.ExpAlerts.Count == 0), "no case in which it does not fire");
    }

    [Theory, MemberData(nameof(Alerts))]
    public void An_alert_says_what_it_means_and_what_to_do(string alert)
    {
        var rule = AlertRules.Single(rule => rule.Alert == alert);
        Assert.Contains(rule.Labels["severity"], alert == DeadMansSwitch ? ["none"] : new[] { "critical", "warning", "info" });
        Assert.DoesNotContain("{{", rule.Annotations["summary"], StringComparison.Ordinal);
        Assert.NotEqual("", rule.Annotations["description"]);
        Assert.EndsWith($"runbook#{alert.ToLowerInvariant()}", rule.Annotations["runbook_url"], StringComparison.Ordinal);
        var board = new Uri(rule.Annotations["dashboard_url"]).AbsolutePath["/d/".Length..];
        Assert.Contains(board, Dashboard.All.Select(dashboard => dashboard.Uid));

        var section = Section(alert);
        foreach (var word in new[] { "*Meaning:*", "*Impact:*", "*Diagnosis:*", "*What to do:*" })
            Assert.Contains(word, section, StringComparison.Ordinal);
    }

    [Fact]
    public void They_ask_for_what_there_is() => Assert.Empty(Rules.SelectMany(rule => Expressions.Mistakes(rule.Expr)));

    [Theory]
    [InlineData("pgwatchdog_verdict{verdict=\"Serving\"}", true)]
    [InlineData("rate(pgwatchdog_check_duration_seconds_bucket{cluster=\"main\",le=\"1\"}[5m])", true)]
    [InlineData("pgwatchdog_verdict{verdict=~\"Serving|Sleeping\"}", false)]
    [InlineData("pgwatchdog_verdict{state=\"Serving\"}", false)]
    [InlineData("pgwatchdog_nothing", false)]
    [InlineData("pgwatchdog_epoch_count", false)]
    public void A_query_for_what_there_is_not_is_found(string expression, bool right) => Assert.Equal(right, !Expressions.Mistakes(expression).Any());

    [Theory]
    [InlineData("awake", "severity=critical", "alertname=PgWatchdogNoPrimary")]
    [InlineData("tickets", "severity=warning", "alertname=PgWatchdogNodeDown")]
    [InlineData("chat", "severity=info", "alertname=PgWatchdogSetupDrift")]
    [InlineData("outside", "severity=none", "alertname=" + DeadMansSwitch)]
    public async Task Alertmanager_tells_the_right_one(string receiver, params string[] labels)
    {
        const string File = "deploy/prometheus/alertmanager.yml";
        await Promtool.RequireAsync(["check-config", File], program: Promtool.Amtool);
        var said = await Promtool.RequireAsync(["config", "routes", "test", $"--config.file={File}", .. labels], program: Promtool.Amtool);
        Assert.Equal(receiver, said.Split('\n')[0]);
    }

    /// <summary>The paragraph under the alert's heading.</summary>
    private static string Section(string alert)
    {
        var lines = System.IO.File.ReadAllLines(Path.Combine(Repository.Root, "docs", "runbook.md")).SkipWhile(line => line != $"### {alert}").Skip(1);
        return string.Join('\n', lines.TakeWhile(line => !line.StartsWith('#')));
    }
}
