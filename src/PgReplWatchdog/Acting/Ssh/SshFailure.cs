using PgReplWatchdog.Boundary;

namespace PgReplWatchdog.Acting.Ssh;

/// <summary>A host could not be reached or would not do: expected, told in words that say what to do.</summary>
public sealed class SshFailureException(SshFailureKind kind, string message, Exception? inner = null) : Exception(Sentence.Of(message, Sentence.LongLimit), inner)
{
    public SshFailureKind Kind { get; } = kind;
}

public enum SshFailureKind
{
    Unknown,
    Unreachable,
    HostKeyChanged,
    AuthenticationFailed,
    TimedOut,
    CutOff,
    CommandFailed,
}
