namespace PgReplWatchdog.Lab;

/// <summary>The lab could not do what was asked of it: a missing program, a failed command, a wait that ran out.</summary>
public sealed class LabException : Exception
{
    public LabException()
    {
    }

    public LabException(string message) : base(message)
    {
    }

    public LabException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
