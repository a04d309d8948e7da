using System.Text.Json;
using System.Text.Json.Nodes;
using PgReplWatchdog.Remembering;

namespace PgReplWatchdog.Journaling;

/// <summary>The durable memory as text. What another version wrote is taken member by member: one that cannot be understood is left out, and named.</summary>
public static class MemoryText
{
    private const string Procedure = "procedure";
    private const string LastFailover = "lastFailover";

    public static string Write(ClusterMemory memory) => JsonSerializer.Serialize(memory, Json.Options);

    /// <summary>The memory, and the names of the members that are not in it because they could not be understood.</summary>
    public static (ClusterMemory Memory, ImmutableArray<string> NotUnderstood) Read(string text)
    {
        try
        {
            if (JsonNode.Parse(text) is not JsonObject members)
                return (ClusterMemory.Empty, ["all of it"]);
            WithProcedure(members);
            ImmutableArray<string> strange = [.. members.Where(member => !IsUnderstood(member.Key, member.Value)).Select(member => member.Key)];
            if (strange.Contains(Procedure))
                TakeBack(members);
            foreach (var name in strange)
                members.Remove(name);
            return (members.Deserialize<ClusterMemory>(Json.Strict)!, strange);
        }
        catch (JsonException)
        {
            return (ClusterMemory.Empty, ["all of it"]);
        }
    }

    private static bool IsUnderstood(string name, JsonNode? value)
    {
        try
        {
            new JsonObject { [name] = value?.DeepClone() }.Deserialize<ClusterMemory>(Json.Strict);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Version 0.1.0 kept a failover that had ended without its procedure; that there was one still counts for MinimumInterval.</summary>
    private static void WithProcedure(JsonObject members)
    {
        if (members[LastFailover] is JsonObject last && !last.ContainsKey(Procedure))
        {
            last[Procedure] = new JsonObject
            {
                ["from"] = last["from"]?.DeepClone(),
                ["to"] = last["to"]?.DeepClone(),
                ["step"] = nameof(ProcedureStep.Unknown),
                ["verdict"] = "",
                ["silentSince"] = last["silentSince"]?.DeepClone(),
                ["decidedAt"] = last["decidedAt"]?.DeepClone(),
            };
            last.TryAdd("estimatedLossBytes", last["lostBytes"]?.DeepClone());
        }
    }

    /// <summary>
    /// A failover under way that is not understood is none: who was primary before it is to be primary. Where it was promoted in spite of that, its newer
    /// timeline tells, and the old one stays listed as replaced.
    /// </summary>
    private static void TakeBack(JsonObject members)
    {
        if (members[Procedure] is JsonObject procedure && procedure["from"] is JsonValue from && procedure["to"] is JsonValue to
            && members["intendedPrimary"] is { } intended && JsonNode.DeepEquals(to, intended))
            members["intendedPrimary"] = from.DeepClone();
    }
}
