using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace PgReplWatchdog.Tests.Observability;

/// <summary>Prometheus's files, as far as tests look into them.</summary>
internal static class Yaml
{
    private static readonly IDeserializer Reader = new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).IgnoreUnmatchedProperties().Build();

    public static T Read<T>(string path) => Reader.Deserialize<T>(File.ReadAllText(path));
}

/// <summary>A file of rules.</summary>
internal sealed class RuleFile
{
    public List<RuleGroup> Groups { get; set; } = [];
}

internal sealed class RuleGroup
{
    public List<Rule> Rules { get; set; } = [];
}

internal sealed class Rule
{
    public string Alert { get; set; } = "";
    public string Expr { get; set; } = "";
    public Dictionary<string, string> Labels { get; set; } = [];
    public Dictionary<string, string> Annotations { get; set; } = [];
}

/// <summary>A file of cases for `promtool test rules`.</summary>
internal sealed class RuleCases
{
    public List<RuleCase> Tests { get; set; } = [];
}

internal sealed class RuleCase
{
    public List<AlertCase> AlertRuleTest { get; set; } = [];
}

internal sealed class AlertCase
{
    public string Alertname { get; set; } = "";
    public List<object> ExpAlerts { get; set; } = [];
}
