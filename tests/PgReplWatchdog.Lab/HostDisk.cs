using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>A small filesystem of its own for a host's data directory and what set-up puts beside it, so that it can be full.</summary>
internal sealed class HostDisk(LabHost host, LabUser user, int megabytes)
{
    private string Filler => Path.Combine(host.DiskDirectory, "filler");

    /// <summary>Before the host's init starts: its network namespace comes with a copy of the mounts as they are then.</summary>
    public Task MountAsync(CancellationToken ct) => Command.RunAsync(
        "mount",
        ["-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m,uid={user.Uid},gid={user.Gid},mode=0755"), "pgw-disk", host.DiskDirectory],
        ct, null, host.LabId);

    /// <summary>Writes until nothing more fits; the small blocks take what the big ones leave.</summary>
    public async Task FillAsync(CancellationToken ct)
    {
        await host.RunAsync($"dd if=/dev/zero of={Filler} bs=1M status=none 2>/dev/null; dd if=/dev/zero bs=4k status=none >>{Filler} 2>/dev/null; true", ct);
        var free = await host.RunAsync($"df --output=avail {host.DiskDirectory} | tail -n 1", ct);
        if (free.Trim() != "0")
            throw new LabException($"{host.Name}'s disk is not full: {free.Trim()} KiB are free");
    }

    public void Free() => File.Delete(Filler);
}
