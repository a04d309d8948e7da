namespace PgReplWatchdog.Lab;

/// <summary>A row that a client was told is committed.</summary>
/// <param name="Client">Who wrote it.</param>
/// <param name="Id">The row; unique with the client.</param>
/// <param name="By">The host whose server acknowledged it.</param>
/// <param name="Begun">When it was sent; <see cref="System.Diagnostics.Stopwatch"/>'s time, which is CLOCK_MONOTONIC for all processes of the machine.</param>
/// <param name="Timestamp">When the acknowledgement arrived, by the same clock.</param>
public sealed record Acknowledged(string Client, long Id, LabHost By, long Begun, long Timestamp)
{
    public int Port => By.PostgresPort;

    public string Host => By.Address;
}
