using System.Globalization;

namespace PgReplWatchdog.Lab;

/// <summary>
/// A small filesystem of its own for a host's data directory and what set-up puts beside it, so that it can be full, or hang: an ext4 in a file, since whoever writes to
/// one that is frozen (fsfreeze) waits as for a disk that does not answer, and cannot be killed.
/// </summary>
internal sealed class HostDisk(LabHost host, LabUser user, int megabytes)
{
    private string Filler => Path.Combine(host.DiskDirectory, "filler");

    private string Image => Path.Combine(host.Directory, "disk.img");

    /// <summary>Before the host's init starts: its network namespace comes with a copy of the mounts as they are then.</summary>
    public async Task MountAsync(CancellationToken ct)
    {
        await Command.RunAsync("truncate", ["-s", string.Create(CultureInfo.InvariantCulture, $"{megabytes}M"), Image], ct, null, host.LabId);
        await Command.RunAsync("mkfs.ext4", ["-q", "-b", "4096", "-m", "0", "-O", "^has_journal", "-E", string.Create(CultureInfo.InvariantCulture, $"root_owner={user.Uid}:{user.Gid}"), Image], ct, null, host.LabId);
        await Command.RunAsync("mount", ["-o", "loop", Image, host.DiskDirectory], ct, null, host.LabId);
    }

    /// <summary>Writes until nothing more fits; the small blocks take what the big ones leave, and once more what PostgreSQL gives back meanwhile.</summary>
    public async Task FillAsync(CancellationToken ct)
    {
        var free = await host.RunAsync($"""
            dd if=/dev/zero of={Filler} bs=1M status=none 2>/dev/null
            for attempt in 1 2 3 4 5 6 7 8 9 10; do
              dd if=/dev/zero bs=4k status=none >>{Filler} 2>/dev/null
              free=$(df --output=avail {host.DiskDirectory} | tail -n 1)
              [ "$free" -gt 0 ] || break
            done
            echo $free
            """, ct);
        if (free.Trim() != "0")
            throw new LabException($"{host.Name}'s disk is not full: {free.Trim()} KiB are free");
    }

    public void Free() => File.Delete(Filler);

    public Task HangAsync(CancellationToken ct) => Command.RunAsync("fsfreeze", ["-f", host.DiskDirectory], ct, null, host.LabId);

    public Task AnswerAsync(CancellationToken ct) => Command.RunAsync("fsfreeze", ["-u", host.DiskDirectory], ct, null, host.LabId);
}
