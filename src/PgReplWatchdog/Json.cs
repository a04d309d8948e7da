using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog;

/// <summary>
/// One way to write and read JSON: camel case, names of enums, LSNs as PostgreSQL writes them. What another version wrote is read as far as it can be understood:
/// a name that this one does not know is Unknown, a list that is not there is empty.
/// </summary>
public static class Json
{
    /// <summary>Letters as they are, but what turns the reading direction or cannot be seen: this is what a terminal gets.</summary>
    private static readonly JavaScriptEncoder Visible = JavaScriptEncoder.Create(Letters());

    public static readonly JsonSerializerOptions Options = With(indented: false);
    public static readonly JsonSerializerOptions Indented = With(indented: true);

    /// <summary>For what is shown in a line.</summary>
    public static readonly JsonSerializerOptions Line = new(Options) { Encoder = Visible };

    /// <summary>For what is acted upon: a member without which a record makes no sense has to be there.</summary>
    public static readonly JsonSerializerOptions Strict = new(Options) { RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true };

    private static JsonSerializerOptions With(bool indented)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { WriteIndented = indented };
        Apply(options);
        if (indented)
            options.Encoder = Visible;
        return options;
    }

    private static TextEncoderSettings Letters()
    {
        var letters = new TextEncoderSettings(UnicodeRanges.All);
        letters.ForbidCharacters([.. Enumerable.Range(0, char.MaxValue + 1).Select(code => (char)code).Where(Operating.Printable.IsHarmful)]);
        return letters;
    }

    /// <summary>For whoever brings options of its own.</summary>
    public static void Apply(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.IgnoreReadOnlyProperties = true; // what follows from the other members
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping; // it is never put into a page: quotes may stay readable
        options.Converters.Add(new EnumConverters());
        options.Converters.Add(new ArrayConverters());
        options.Converters.Add(new LsnConverter());
        options.TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { EmptyForMissing } };
    }

    /// <summary>A list that is a constructor's parameter and missing in the text would be the default ImmutableArray, which throws whatever one does with it.</summary>
    private static void EmptyForMissing(JsonTypeInfo type)
    {
        var lists = type.Properties.Where(property => IsArray(property.PropertyType) && property is { Get: not null, Set: not null }).ToList();
        if (type.Kind != JsonTypeInfoKind.Object || lists.Count == 0)
            return;
        type.OnDeserialized = read =>
        {
            foreach (var list in lists.Where(list => Equals(list.Get!(read), Activator.CreateInstance(list.PropertyType))))
                list.Set!(read, list.PropertyType.GetField(nameof(ImmutableArray<>.Empty))!.GetValue(null));
        };
    }

    private static bool IsArray(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>);

    private sealed class LsnConverter : JsonConverter<Lsn>
    {
        public override Lsn Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            try
            {
                return Lsn.Parse(reader.TokenType == JsonTokenType.String ? reader.GetString()! : "");
            }
            catch (FormatException failure)
            {
                throw new JsonException(failure.Message, failure);
            }
        }

        public override void Write(Utf8JsonWriter writer, Lsn value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class EnumConverters : JsonConverterFactory
    {
        public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

        public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
            (JsonConverter)Activator.CreateInstance(typeof(EnumConverter<>).MakeGenericType(typeToConvert))!;
    }

    private sealed class EnumConverter<T> : JsonConverter<T>
        where T : struct, Enum
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.String)
                return Enum.GetNames<T>().Contains(reader.GetString(), StringComparer.OrdinalIgnoreCase) ? Enum.Parse<T>(reader.GetString()!, ignoreCase: true) : default;
            reader.Skip();
            return default;
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }

    private sealed class ArrayConverters : JsonConverterFactory
    {
        public override bool CanConvert(Type typeToConvert) => IsArray(typeToConvert);

        public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
            (JsonConverter)Activator.CreateInstance(typeof(ArrayConverter<>).MakeGenericType(typeToConvert.GetGenericArguments()))!;
    }

    private sealed class ArrayConverter<T> : JsonConverter<ImmutableArray<T>>
    {
        public override bool HandleNull => true;

        public override ImmutableArray<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            [.. JsonSerializer.Deserialize<T[]>(ref reader, options) ?? []];

        public override void Write(Utf8JsonWriter writer, ImmutableArray<T> value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, value.IsDefault ? [] : value.AsEnumerable(), options);
    }
}
