using System.Text.Json.Serialization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using PgReplWatchdog.Metrics;
using PgReplWatchdog.Topology;

namespace PgReplWatchdog.Operating;

/// <summary>The OpenAPI document, which the framework makes from the endpoints and from the types that they answer with; here is what it cannot know of how Json writes them.</summary>
public static class OpenApi
{
    private const string LsnPattern = "^[0-9A-F]{1,8}/[0-9A-F]{1,8}$";

    public static void Add(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(http =>
        {
            Json.Apply(http.SerializerOptions);
            http.SerializerOptions.NumberHandling = JsonNumberHandling.Strict; // a number is written as one
        });
        services.AddOpenApi(options =>
        {
            options.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "PgReplWatchdog",
                    Version = WatchdogMetrics.Version.Split('+')[0],
                    Description = "What the watchdog sees and decides, and what a person may ask of it.",
                };
                document.Servers = []; // wherever it was asked for
                return Task.CompletedTask;
            });
            options.CreateSchemaReferenceId = type => IsList(type.Type) ? null : OpenApiOptions.CreateDefaultSchemaReferenceId(type);
            options.AddSchemaTransformer(AsJsonWritesItAsync);
        });
    }

    /// <summary>Enums are words, an LSN is as PostgreSQL writes it, an immutable array is a list.</summary>
    private static async Task AsJsonWritesItAsync(OpenApiSchema schema, OpenApiSchemaTransformerContext context, CancellationToken cancellation)
    {
        var type = context.JsonTypeInfo.Type;
        var null_ = Nullable.GetUnderlyingType(type) is null ? 0 : JsonSchemaType.Null;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsEnum)
            (schema.Type, schema.Enum) = (JsonSchemaType.String | null_, [.. Enum.GetNames(type).Select(name => (System.Text.Json.Nodes.JsonNode)name)]);
        else if (type == typeof(Lsn))
            (schema.Type, schema.Pattern) = (JsonSchemaType.String | null_, LsnPattern);
        else if (IsList(type))
            (schema.Type, schema.Items) = (JsonSchemaType.Array, await context.GetOrCreateSchemaAsync(type.GetGenericArguments()[0], null, cancellation));
    }

    private static bool IsList(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>);
}
