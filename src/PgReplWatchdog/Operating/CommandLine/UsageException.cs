namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>The command line names something that is not there.</summary>
public sealed class UsageException(string message) : Exception(message);
