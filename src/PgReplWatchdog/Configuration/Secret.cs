namespace PgReplWatchdog.Configuration;

/// <summary>A password: never printed, logged or journaled, whoever tries.</summary>
public sealed class Secret(string value)
{
    /// <summary>For the one who hands it to a server.</summary>
    public string Reveal() => value;

    public override string ToString() => "***";
}
