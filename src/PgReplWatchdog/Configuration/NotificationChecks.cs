namespace PgReplWatchdog.Configuration;

/// <summary>Whether what is configured for notifications goes together. No address is told back: it may hold a secret.</summary>
public static class NotificationChecks
{
    private const string Root = $"{WatchdogOptions.SectionName}:{nameof(WatchdogOptions.Notifications)}";

    public static void Run(NotificationOptions options, List<string> errors)
    {
        foreach (var (url, index) in options.AlertmanagerUrls.Select((url, index) => (url, index)))
        {
            if (Address(url) is not { Query: "" } address)
                errors.Add($"{Root}:{nameof(options.AlertmanagerUrls)}:{index} is no address of an Alertmanager; give it as http://HOST:9093");
            else if (address.AbsolutePath.TrimEnd('/').EndsWith("/api/v2/alerts", StringComparison.Ordinal) || address.AbsolutePath.TrimEnd('/').EndsWith("/api/v2", StringComparison.Ordinal))
                errors.Add($"{Root}:{nameof(options.AlertmanagerUrls)}:{index} ends in /api/v2; leave that out, it is added");
        }
        if (options.AlertmanagerUrls.Select(url => url.TrimEnd('/')).GroupBy(url => url, StringComparer.OrdinalIgnoreCase).Any(group => group.Count() > 1))
            errors.Add($"{Root}:{nameof(options.AlertmanagerUrls)} has an address twice; give each Alertmanager once");
        foreach (var (name, url) in new[] { (nameof(options.WebhookUrl), options.WebhookUrl), (nameof(options.HeartbeatUrl), options.HeartbeatUrl) })
        {
            if (url.Length > 0 && Address(url) is null)
                errors.Add($"{Root}:{name} is no address with http or https (a user name in it is none that is used); give it as https://HOST/PATH");
        }
        if (options.WebhookTokenFile.Length > 0 && options.WebhookUrl.Length == 0)
            errors.Add($"{Root}:{nameof(options.WebhookTokenFile)} is given, and {nameof(options.WebhookUrl)} is not; give the address that the token is for, or leave the token out");
        else if (options.WebhookTokenFile.Length > 0 && Address(options.WebhookUrl) is { Scheme: "http", IsLoopback: false })
            errors.Add($"{Root}:{nameof(options.WebhookUrl)} begins with http, and {nameof(options.WebhookTokenFile)} is given: anybody on the way could read the token; give an address with https");
        if (options.HeartbeatUrl.Length > 0 && options.Timeout > options.HeartbeatInterval)
        {
            errors.Add($"{Root}:{nameof(options.Timeout)} is {options.Timeout}, {nameof(options.HeartbeatInterval)} is {options.HeartbeatInterval}; "
                + "give a time-out of at most the interval, so that one beat is over when the next is due");
        }
        if (!Uri.TryCreate(options.RunbookUrl, UriKind.Absolute, out var runbook) || runbook.Fragment.Length > 0)
            errors.Add($"{Root}:{nameof(options.RunbookUrl)} is '{options.RunbookUrl}'; give an address without #, such as https://HOST/runbook.html");
    }

    private static Uri? Address(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri is { Scheme: "http" or "https", UserInfo: "", Fragment: "" } ? uri : null;
}
