using Microsoft.AspNetCore.Components;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog.Page;

/// <summary>What all parts of the page have in common.</summary>
public abstract class PageComponent : ComponentBase
{
    /// <summary>For text from databases and hosts: Razor encodes what would be markup; this pictures what would turn the reading direction or hide.</summary>
    protected static string Say(string? text) => Printable.Of(text ?? "");

    /// <summary>The tone as a class of the style sheet.</summary>
    protected static string Of(Tone tone) => "tone-" + tone.ToString().ToLowerInvariant();
}
