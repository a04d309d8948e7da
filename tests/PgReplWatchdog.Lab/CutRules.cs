using System.Globalization;
using System.Text;

namespace PgReplWatchdog.Lab;

/// <summary>Writes the cuts of a host as an nftables script that replaces whatever was cut before, in one transaction.</summary>
internal static class CutRules
{
    /// <summary>Removes all cuts. Adding the table first makes it work when there is none.</summary>
    public const string None = "table inet labcut\ndelete table inet labcut\n";

    public static string Render(IReadOnlyCollection<Cut> cuts)
    {
        var script = new StringBuilder(None);
        script.Append("table inet labcut {\n");
        Chain(script, "input", "iifname", "saddr", "dport", cuts.Where(cut => cut.Inbound));
        Chain(script, "output", "oifname", "daddr", "sport", cuts.Where(cut => cut.Outbound));
        return script.Append("}\n").ToString();
    }

    private static void Chain(StringBuilder script, string hook, string device, string side, string port, IEnumerable<Cut> cuts)
    {
        script.Append($"chain {hook} {{ type filter hook {hook} priority 0; policy accept;\n");
        // A host always reaches itself; the reset for a refused packet of its own comes to it this way, too.
        script.Append($"{device} \"lo\" accept\n");
        foreach (var cut in cuts)
        {
            var peer = cut.PeerAddress is null ? "" : $"ip {side} {cut.PeerAddress} ";
            if (cut.Port is { } number)
                peer += string.Create(CultureInfo.InvariantCulture, $"tcp {port} {number} ");
            script.Append(cut.Mode == CutMode.Drop ? $"{peer}drop\n" : Refusal(peer));
        }

        script.Append("}\n");
    }

    // The refusals themselves have to get through when both directions are refused.
    private static string Refusal(string peer) =>
        $"""
        {peer}tcp flags & rst == rst accept
        {peer}icmp type destination-unreachable accept
        {peer}meta l4proto tcp reject with tcp reset
        {peer}reject with icmpx type host-unreachable

        """;
}
