using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;

namespace PgReplWatchdog.Page;

/// <summary>Writes Razor components as HTML, on the server alone. The library encodes every text that goes into them.</summary>
public sealed class PageWriter(IServiceProvider services, ILoggerFactory loggers)
{
    /// <summary>The part of a page that changes.</summary>
    public async Task<string> LiveAsync<T>(Dictionary<string, object?> parameters)
        where T : IComponent
    {
        await using var renderer = new HtmlRenderer(services, loggers);
        return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<T>(ParameterView.FromDictionary(parameters))).ToHtmlString());
    }

    /// <summary>A whole page.</summary>
    /// <param name="title">For the browser's tab.</param>
    /// <param name="stream">Where its changes come from; null where it does not change.</param>
    /// <param name="parameters">The component's.</param>
    public Task<string> WholeAsync<T>(string title, string? stream, Dictionary<string, object?> parameters)
        where T : IComponent =>
        LiveAsync<Document>(new() { [nameof(Document.Title)] = title, [nameof(Document.Stream)] = stream, [nameof(Document.Content)] = typeof(T), [nameof(Document.Parameters)] = parameters });
}
