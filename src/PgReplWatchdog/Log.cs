using PgReplWatchdog.Deciding;
using PgReplWatchdog.Operating;

namespace PgReplWatchdog;

/// <summary>
/// Every message of the service. Ids by topic: 1xx the service, 2xx checks, 3xx events of a cluster, 4xx the journal, 5xx notifications, 6xx the page.
/// A change is Information, trouble Warning, need for a person Error, a quiet check Debug.
/// </summary>
public static partial class Log
{
    [LoggerMessage(100, LogLevel.Information, "pgwatchdog {Version} watches {Clusters}; metrics and status at {Listen}")]
    public static partial void Started(ILogger logger, string version, string clusters, Uri listen);

    [LoggerMessage(200, LogLevel.Debug, "{Cluster}: {Verdict}, checked in {Milliseconds:0.0} ms")]
    public static partial void Checked(ILogger logger, string cluster, string verdict, double milliseconds);

    [LoggerMessage(201, LogLevel.Error, "{Cluster}: a check failed in a way that is a bug of pgwatchdog; nothing was done, the next check goes on")]
    public static partial void CheckFailed(ILogger logger, Exception failure, string cluster);

    [LoggerMessage(300, LogLevel.Information, "{Cluster}: {Kind}: {Sentence}")]
    public static partial void Changed(ILogger logger, string cluster, EventKind kind, string sentence);

    [LoggerMessage(301, LogLevel.Warning, "{Cluster}: {Kind}: {Sentence}")]
    public static partial void Trouble(ILogger logger, string cluster, EventKind kind, string sentence);

    [LoggerMessage(302, LogLevel.Error, "{Cluster}: {Kind}: {Sentence}")]
    public static partial void NeedsAPerson(ILogger logger, string cluster, EventKind kind, string sentence);

    [LoggerMessage(400, LogLevel.Error, "{Cluster}: {Message}; nothing is done until it can be written again")]
    public static partial void JournalUnwritable(ILogger logger, string cluster, string message);

    [LoggerMessage(401, LogLevel.Information, "{Cluster}: the journal can be written again")]
    public static partial void JournalWritable(ILogger logger, string cluster);

    [LoggerMessage(410, LogLevel.Warning, "{Cluster}: set-up would take {Steps} steps ({What}): pgwatchdog setup {Cluster} --plan shows them")]
    public static partial void Drifted(ILogger logger, string cluster, int steps, string what);

    [LoggerMessage(411, LogLevel.Information, "{Cluster}: everything is as set-up leaves it")]
    public static partial void NotDrifted(ILogger logger, string cluster);

    [LoggerMessage(412, LogLevel.Warning, "{Cluster}: whether set-up would change something is not known: {Why}")]
    public static partial void DriftUnknown(ILogger logger, string cluster, string why);

    [LoggerMessage(413, LogLevel.Warning, "{Cluster}: {Sentence}; that is not in the journal: {Why}")]
    public static partial void OperatorUnrecorded(ILogger logger, string cluster, string sentence, string why);

    [LoggerMessage(402, LogLevel.Warning, "looks cannot be kept for replay in {File} ({Message}); the watching goes on without")]
    public static partial void LooksNotKept(ILogger logger, string file, string message);

    [LoggerMessage(403, LogLevel.Information, "looks are kept for replay again in {File}")]
    public static partial void LooksKeptAgain(ILogger logger, string file);

    [LoggerMessage(500, LogLevel.Warning, "no message gets through to the {Where}: {Why}; it is tried again, and the watching goes on without")]
    public static partial void NotificationsFail(ILogger logger, string where, string why);

    [LoggerMessage(501, LogLevel.Information, "messages get through to the {Where} again")]
    public static partial void NotificationsWork(ILogger logger, string where);

    [LoggerMessage(502, LogLevel.Error, "sending notifications failed in a way that is a bug of pgwatchdog; it is begun anew, and the watching goes on")]
    public static partial void NotificationsBroke(ILogger logger, Exception failure);

    [LoggerMessage(600, LogLevel.Error, "the page could not be written in a way that is a bug of pgwatchdog; the watching goes on")]
    public static partial void PageFailed(ILogger logger, Exception failure);

    /// <summary>An event at the level of who should read it.</summary>
    public static void Event(ILogger logger, string cluster, WatchdogEvent told)
    {
        var sentence = Printable.Of(told.Sentence); // people read the log at a terminal
        switch (told.Kind)
        {
            case EventKind.FailoverFailed or EventKind.ActionFailed or EventKind.MemoryNotUnderstood:
                NeedsAPerson(logger, cluster, told.Kind, sentence);
                break;
            case EventKind.FailoverDecided or EventKind.FailoverWithdrawn or EventKind.FencingDecided or EventKind.PromotionTried or EventKind.FailoverNotBegun or EventKind.TokenRefused:
                Trouble(logger, cluster, told.Kind, sentence);
                break;
            default:
                Changed(logger, cluster, told.Kind, sentence);
                break;
        }
    }
}
