using System.Runtime.InteropServices;

namespace PgReplWatchdog.Lab;

/// <summary>The few system calls .NET has no equivalent for.</summary>
internal static class Libc
{
    public const int SigKill = 9;
    public const int SigTerm = 15;
    public const int SigCont = 18;
    public const int SigStop = 19;

    /// <summary>Sends a signal; false when there is no such process (any more).</summary>
    public static bool Kill(int pid, int signal) => NativeKill(pid, signal) == 0;

    /// <summary>Whether files can be created in the directory.</summary>
    public static bool IsWritable(string directory) => NativeAccess(directory, 2 | 1) == 0;

    /// <summary>Hands a file or directory to another user.</summary>
    public static void ChangeOwner(string path, LabUser user)
    {
        if (NativeChown(path, user.Uid, user.Gid) != 0)
            throw new LabException($"cannot give {path} to {user.Name}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeKill(int pid, int signal);

    [DllImport("libc", EntryPoint = "chown", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeChown([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint uid, uint gid);

    [DllImport("libc", EntryPoint = "access", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeAccess([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int mode);
}
