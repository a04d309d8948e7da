using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace PgReplWatchdog.Core.Tests;

/// <summary>House rules that a compiler does not hold.</summary>
public partial class TidyTests
{
    private const int LinesPerFile = 400;
    private const int ColumnsPerLine = 200;

    public static TheoryData<string> Vocabulary => [.. Enum.GetNames<Verdict>(), .. Enum.GetNames<Gate>().Where(gate => gate != nameof(Gate.Unknown))];

    [Theory, MemberData(nameof(Vocabulary))]
    public void Verdict_and_gate_have_a_heading_in_the_runbook(string name) =>
        Assert.Contains($"### {name}", Headings);

    private static readonly string[] Headings = File.Exists(Repository.File("docs/runbook.md"))
        ? [.. File.ReadLines(Repository.File("docs/runbook.md")).Where(line => line.StartsWith("### ", StringComparison.Ordinal)).Select(line => line.TrimEnd())]
        : [];

    [Fact]
    public void No_file_is_longer_than_a_person_reads_at_once() =>
        Assert.DoesNotContain(Repository.Sources(".cs"), path => File.ReadLines(path).Count() > LinesPerFile);

    [Fact]
    public void No_line_is_wider_than_a_screen() => Assert.Empty(
        from path in Repository.Sources(".cs")
        from line in File.ReadLines(path).Index()
        where line.Item.Length > ColumnsPerLine
        select $"{Path.GetRelativePath(Repository.Root, path)}:{line.Index + 1} has {line.Item.Length} columns");

    [Fact]
    public void Words_are_primary_and_standby() => Assert.Empty(
        from path in Repository.Sources(".cs", ".sql", ".json", ".html", ".js")
        from line in File.ReadLines(path).Index()
        where OldWords().IsMatch(line.Item)
        select $"{Path.GetRelativePath(Repository.Root, path)}:{line.Index + 1}: {line.Item.Trim()}");

    [Theory]
    [InlineData("the master", true)]
    [InlineData("isMaster", true)]
    [InlineData("slave_count", true)]
    [InlineData("the postmaster", false)]
    [InlineData("\"postmaster\"", false)]
    public void Words_are_found_also_inside_names(string text, bool found) => Assert.Equal(found, OldWords().IsMatch(text));

    [Fact]
    public void Core_has_no_package_but_the_analyzer()
    {
        var project = XDocument.Load(Repository.File("src/PgReplWatchdog.Core/PgReplWatchdog.Core.csproj"));
        var package = Assert.Single(project.Descendants("PackageReference"));
        Assert.Equal(("Microsoft.CodeAnalysis.BannedApiAnalyzers", "all"), ((string?)package.Attribute("Include"), (string?)package.Attribute("PrivateAssets")));
        Assert.Empty(project.Descendants("ProjectReference").Concat(project.Descendants("FrameworkReference")));
    }

    [GeneratedRegex("(?<!post)master|slave", RegexOptions.IgnoreCase)]
    private static partial Regex OldWords();
}
