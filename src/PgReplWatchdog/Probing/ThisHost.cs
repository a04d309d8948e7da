using System.Security.Cryptography;
using System.Text;

namespace PgReplWatchdog.Probing;

/// <summary>By what the host on which this process runs is told from others.</summary>
internal static class ThisHost
{
    private const int MachineIdLength = 32;

    /// <summary>A UUID that the kernel draws at each boot (random(4)); empty where it cannot be read.</summary>
    public static string Boot { get; } = Read("/proc/sys/kernel/random/boot_id");

    /// <summary>Of its installation, the same after each boot: a hash of machine-id(5), which is not to be shown as it is. Empty where there is none, as in many containers.</summary>
    public static string Machine { get; } = Read("/etc/machine-id") is { Length: MachineIdLength } id
        ? Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes("pgwatchdog " + id)))[..16] : "";

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
