using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog;

/// <summary>One way to write and read JSON: camel case, names of enums, LSNs as PostgreSQL writes them.</summary>
public static class Json
{
    public static readonly JsonSerializerOptions Options = With(indented: false);
    public static readonly JsonSerializerOptions Indented = With(indented: true);

    private static JsonSerializerOptions With(bool indented) => new(JsonSerializerDefaults.Web)
    {
        WriteIndented = indented,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // it is never put into a page: quotes may stay readable
        Converters = { new JsonStringEnumConverter(), new LsnConverter() },
    };

    private sealed class LsnConverter : JsonConverter<Lsn>
    {
        public override Lsn Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Lsn.Parse(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, Lsn value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
