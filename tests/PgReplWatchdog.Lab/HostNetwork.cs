namespace PgReplWatchdog.Lab;

/// <summary>A host's network namespace: its cable and the cuts.</summary>
internal sealed class HostNetwork(LabSlot slot, string netns, string link, string address) : IDisposable
{
    private const string Device = "eth0";

    private readonly Dictionary<CutFrom, Cut> cuts = [];
    private readonly SemaphoreSlim changing = new(1);

    /// <summary>The lab's bridge, with the watchdog's address on it.</summary>
    public static Task CreateBridgeAsync(LabSlot slot, CancellationToken ct) => BatchAsync(
        slot,
        [],
        $"link add {slot.Bridge} type bridge\naddr add {slot.BridgeAddress}/24 dev {slot.Bridge}\naddr add {slot.ProxyAddress}/24 dev {slot.Bridge}\nlink set {slot.Bridge} up\n",
        ct);

    public async Task CreateAsync(CancellationToken ct)
    {
        await BatchAsync(
            slot,
            [],
            $"netns add {netns}\nlink add {link} type veth peer name {Device} netns {netns}\nlink set {link} master {slot.Bridge} up\n",
            ct);
        await InsideAsync($"link set lo up\naddr add {address}/24 dev {Device}\nlink set {Device} up\n", ct);
    }

    /// <summary>Pulls the cable or plugs it in.</summary>
    public Task SetLinkAsync(bool up, CancellationToken ct) => InsideAsync($"link set {Device} {(up ? "up" : "down")}\n", ct);

    /// <summary>Adds a cut, or replaces the one from the same peer.</summary>
    public Task CutAsync(CutFrom from, Cut cut, CancellationToken ct) => ChangeAsync(() => cuts[from] = cut, ct);

    /// <summary>Takes back one cut, or all.</summary>
    public Task HealAsync(CutFrom? from, CancellationToken ct) => ChangeAsync(
        () =>
        {
            if (from is null)
                cuts.Clear();
            else
                cuts.Remove(from);
        },
        ct);

    public void Dispose() => changing.Dispose();

    private static async Task BatchAsync(LabSlot slot, IReadOnlyList<string> options, string commands, CancellationToken ct) =>
        await Command.RunAsync("ip", [.. options, "-batch", "-"], ct, commands, slot.Id);

    private async Task ChangeAsync(Action change, CancellationToken ct)
    {
        await changing.WaitAsync(ct);
        try
        {
            change();
            var rules = cuts.Count == 0 ? CutRules.None : CutRules.Render(cuts.Values);
            await Command.RunAsync("ip", ["netns", "exec", netns, Programs.Find("nft"), "-f", "-"], ct, rules, slot.Id);
        }
        finally
        {
            changing.Release();
        }
    }

    private Task InsideAsync(string commands, CancellationToken ct) => BatchAsync(slot, ["-n", netns], commands, ct);
}
