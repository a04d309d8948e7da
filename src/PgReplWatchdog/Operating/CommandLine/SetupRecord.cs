using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using PgReplWatchdog.Deciding;
using PgReplWatchdog.Journaling;
using PgReplWatchdog.Planning;

namespace PgReplWatchdog.Operating.CommandLine;

/// <summary>
/// Who ran a set-up, with what plan, and what came of it: in the journal of the service on this host. Where no service has run yet there is none. Where it cannot be written set-up says so,
/// and goes on.
/// </summary>
internal sealed class SetupRecord(string stateDirectory, string cluster)
{
    private const int ShownOfHash = 16;
    private bool kept = File.Exists(SqliteJournal.FileIn(stateDirectory));

    public Task BeginAsync(SetupPlan plan)
    {
        var text = JsonSerializer.Serialize(PlanDocument.Of(cluster, plan), Json.Options);
        var steps = string.Join(", ", plan.Steps.Select(step => $"{step.Node} {step.GetType().Name}"));
        return TellAsync(EventKind.SetUpBegun,
            $"set-up is begun by {OperatorWishes.Account}: plan {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..ShownOfHash]}, {plan.Steps.Length} steps: {steps}");
    }

    public Task EndAsync(string outcome) => TellAsync(EventKind.SetUpEnded, $"set-up of {OperatorWishes.Account} {outcome}");

    private async Task TellAsync(EventKind kind, string sentence)
    {
        if (!kept)
            return;
        try
        {
            new OperatorWishes(stateDirectory, TimeProvider.System).Tell(cluster, kind, Boundary.Sentence.Of(sentence));
        }
        catch (JournalUnreadableException failure)
        {
            kept = false;
            await Console.Error.WriteLineAsync($"this set-up is on no record: {failure.Message}");
        }
    }
}
