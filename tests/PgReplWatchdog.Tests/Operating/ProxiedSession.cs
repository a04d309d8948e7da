using Npgsql;
using PgReplWatchdog.Lab;

namespace PgReplWatchdog.Tests.Operating;

/// <summary>One session with the primary through HAProxy, as an application's pool keeps it: it has to live as long as the primary does.</summary>
internal sealed class ProxiedSession : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;
    private int row;

    private ProxiedSession(NpgsqlConnection connection) => this.connection = connection;

    public static async Task<ProxiedSession> OpenAsync(ProxyProcess proxy, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(ClientWriter.ConnectionString("127.0.0.1", proxy.PrimaryPort));
        await connection.OpenAsync(ct);
        return new ProxiedSession(connection);
    }

    /// <summary>Writes a row over the session of the beginning; fails where that was ended.</summary>
    public async Task WritesAsync()
    {
        await using var command = new NpgsqlCommand($"INSERT INTO deed (id, client) VALUES ({++row}, 'proxied')", connection);
        Assert.Equal(1, await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
    }

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
