namespace PgReplWatchdog.Operating;

/// <summary>Exit codes of the command line; sysexits.h where it has one. `check` has its own, those of monitoring plugins.</summary>
public static class ExitCode
{
    public const int Ok = 0;

    /// <summary>Refused, or it failed on the way; what was said tells which.</summary>
    public const int Failed = 1;

    /// <summary>`setup --plan`: there is something to change.</summary>
    public const int ChangesPending = 2;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 64;

    /// <summary>The service does not answer, or its port is taken.</summary>
    public const int Unavailable = 69;

    /// <summary>The configuration is wrong.</summary>
    public const int Configuration = 78;

    public const int CheckOk = 0;
    public const int CheckWarning = 1;
    public const int CheckCritical = 2;
    public const int CheckUnknown = 3;
}
