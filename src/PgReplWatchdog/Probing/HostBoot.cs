namespace PgReplWatchdog.Probing;

/// <summary>The boot of the host on which this process runs.</summary>
internal static class HostBoot
{
    /// <summary>A UUID that the kernel draws at each boot (random(4)); empty where it cannot be read.</summary>
    public static string Id { get; } = Read("/proc/sys/kernel/random/boot_id");

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
