using System.Globalization;
using Microsoft.Data.Sqlite;

namespace PgReplWatchdog.Journaling;

/// <summary>What every user of a SQLite file here does the same way.</summary>
internal static class SqliteText
{
    /// <summary>The library asks a locked database again for so long, in seconds.</summary>
    public const int BusySeconds = 5;

    /// <summary>A closed connection to the file. Without pooling: a file that is closed is closed.</summary>
    public static SqliteConnection Connection(string file, SqliteOpenMode mode = SqliteOpenMode.ReadWriteCreate, int busySeconds = BusySeconds) =>
        new(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false, DefaultTimeout = busySeconds }.ConnectionString);

    public static SqliteCommand Command(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
            command.Parameters.AddWithValue(name, value);
        return command;
    }

    public static int Execute(this SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = connection.Command(sql, parameters);
        return command.ExecuteNonQuery();
    }

    public static List<T> Read<T>(this SqliteConnection connection, Func<SqliteDataReader, T> row, string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        using var command = connection.Command(sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(row(reader));
        return rows;
    }

    /// <summary>ISO 8601 in UTC: sorts as it reads.</summary>
    public static string Text(this DateTimeOffset time) => time.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture);

    public static DateTimeOffset Time(this SqliteDataReader reader, int column) => DateTimeOffset.Parse(reader.GetString(column), CultureInfo.InvariantCulture);
}
