using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PgReplWatchdog.Operating;

/// <summary>
/// The one place where text from databases and hosts is made harmless for a terminal: a name or an error message may hold escape sequences that clear the screen,
/// move the cursor or turn the reading direction.
/// </summary>
public static class Printable
{
    private const char ControlPictures = '\u2400'; // U+2400 to U+241F picture the 32 control characters
    private const char DeletePicture = '\u2421';
    private const char Replacement = '\ufffd';

    /// <summary>The text with a picture in place of each control character but line feed, and a replacement for what changes direction.</summary>
    public static string Of(string text) => text.Any(letter => letter != '\n' && IsHarmful(letter)) ? string.Concat(text.Select(Of)) : text;

    /// <summary>The same in one line: what is made of lines, a log or a message, cannot be made longer by what it tells.</summary>
    public static string Line(string text) => Of(text).Replace('\n', (char)(ControlPictures + '\n'));

    private static char Of(char letter) =>
        letter == '\n' || !IsHarmful(letter) ? letter
        : letter < ' ' ? (char)(ControlPictures + letter)
        : letter == '\u007f' ? DeletePicture
        : Replacement;

    internal static bool IsHarmful(char letter) =>
        char.IsControl(letter) || char.GetUnicodeCategory(letter) is UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;

    /// <summary>The same for what is kept on a screen and drawn anew: a live display goes past the hook.</summary>
    public static IRenderable Harmless(IRenderable inner) => new HarmlessText(inner);

    /// <summary>Everything that a screen renders goes through it; the screen's own colours do not come as text.</summary>
    public sealed class Hook : IRenderHook
    {
        public IEnumerable<IRenderable> Process(RenderOptions options, IEnumerable<IRenderable> renderables) => renderables.Select(Harmless);
    }

    private sealed class HarmlessText(IRenderable inner) : IRenderable
    {
        public Measurement Measure(RenderOptions options, int maxWidth) => inner.Measure(options, maxWidth);

        public IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
            inner.Render(options, maxWidth).Select(segment => segment.IsControlCode || segment.IsLineBreak ? segment : new Segment(Of(segment.Text), segment.Style));
    }

    /// <summary>For standard error, where nothing but text is written.</summary>
    public sealed class Writer(TextWriter inner) : TextWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => inner.Encoding;

        public override void Write(char value) => inner.Write(Of(value));

        public override void Write(string? value) => inner.Write(value is null ? null : Of(value));

        public override void WriteLine(string? value) => inner.WriteLine(value is null ? null : Of(value));

        public override Task WriteLineAsync(string? value) => inner.WriteLineAsync(value is null ? null : Of(value));

        public override void Flush() => inner.Flush();
    }
}
