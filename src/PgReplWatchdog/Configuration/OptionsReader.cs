using System.Collections;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using F23.StringSimilarity;

namespace PgReplWatchdog.Configuration;

/// <summary>
/// Fills the options from a configuration section and tells everything that is wrong with it at once: the framework's binder stops
/// at the first bad value and passes over keys that it does not know.
/// </summary>
public static class OptionsReader
{
    public static void Read(IConfigurationSection section, object target, List<string> errors)
    {
        var properties = target.GetType().GetProperties();
        foreach (var child in section.GetChildren())
        {
            if (Array.Find(properties, property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is { } property)
                ReadProperty(child, target, property, errors);
            else
                errors.Add($"{child.Path} is no setting; the nearest that is one: {Nearest(child.Key, properties)}");
        }
        Validate(section, target, errors);
    }

    private static void ReadProperty(IConfigurationSection child, object target, PropertyInfo property, List<string> errors)
    {
        if (property.GetValue(target) is IList list)
            ReadList(child, list, property.PropertyType.GetGenericArguments()[0], errors);
        else if (IsGroup(property.PropertyType) && property.GetValue(target) is { } group)
            ReadGroup(child, group, errors);
        else if (child.Value is null)
            errors.Add($"{child.Path} has no value; give {Describe(property.PropertyType)}");
        else if (Convert(child, property.PropertyType, errors) is { } value)
            property.SetValue(target, value);
    }

    private static void ReadList(IConfigurationSection child, IList list, Type element, List<string> errors)
    {
        if (child.Value is { Length: > 0 } || child.GetChildren().Any(item => !int.TryParse(item.Key, CultureInfo.InvariantCulture, out _)))
        {
            errors.Add($"{child.Path} is {(child.Value is { Length: > 0 } text ? $"'{text}'" : "a single object")}; give a list, in [ ]");
            return;
        }
        foreach (var item in child.GetChildren())
        {
            if (element == typeof(string))
            {
                list.Add(item.Value ?? "");
                continue;
            }
            var filled = Activator.CreateInstance(element)!;
            Read(item, filled, errors);
            list.Add(filled);
        }
    }

    private static void ReadGroup(IConfigurationSection child, object group, List<string> errors)
    {
        if (child.Value is { Length: > 0 } text)
            errors.Add($"{child.Path} is '{text}'; give settings, in {{ }}");
        else
            Read(child, group, errors);
    }

    /// <summary>Settings that stand together under a name of their own.</summary>
    public static bool IsGroup(Type type) => type.IsClass && type != typeof(string) && !typeof(IList).IsAssignableFrom(type);

    private static object? Convert(IConfigurationSection child, Type type, List<string> errors)
    {
        try
        {
            if (type == typeof(TimeSpan) && !child.Value!.Contains(':', StringComparison.Ordinal))
                throw new FormatException("a bare number would be days");
            if (type.IsEnum && !Names(type).Contains(child.Value, StringComparer.OrdinalIgnoreCase))
                throw new FormatException("a number would pass, and so would Unknown");
            return TypeDescriptor.GetConverter(type).ConvertFromInvariantString(child.Value!);
        }
        catch (Exception failure) when (failure is FormatException or ArgumentException or OverflowException)
        {
            errors.Add($"{child.Path} is '{child.Value}'; give {Describe(type)}");
            return null;
        }
    }

    private static void Validate(IConfigurationSection section, object target, List<string> errors)
    {
        var found = new List<ValidationResult>();
        Validator.TryValidateObject(target, new ValidationContext(target), found, validateAllProperties: true);
        foreach (var result in found)
        {
            var name = result.MemberNames.First();
            var property = target.GetType().GetProperty(name)!;
            if (!errors.Any(error => error.StartsWith($"{section.Path}:{name} ", StringComparison.Ordinal))) // said already
                errors.Add($"{section.Path}:{name} {Say(property, section[name], property.GetValue(target), result.ErrorMessage)}");
        }
    }

    private static string Say(PropertyInfo property, string? asWritten, object? value, string? message)
    {
        if (value is null or "" or IList { Count: 0 })
            return "is missing" + (property.GetCustomAttribute<MinLengthAttribute>() is { ErrorMessage: { } hint } ? $"; {hint}" : "");
        var written = value is IList list ? $"a list of {list.Count}" : $"'{asWritten ?? System.Convert.ToString(value, CultureInfo.InvariantCulture)}'";
        return property.GetCustomAttribute<RangeAttribute>() is { } range
            ? $"is {written}; give {Describe(property.PropertyType)}, from {range.Minimum} to {range.Maximum}"
            : $"is {written}; {message}";
    }

    private static string Describe(Type type) =>
        type == typeof(TimeSpan) ? "a duration as hours:minutes:seconds, such as 00:00:10"
        : type == typeof(bool) ? "true or false"
        : type.IsEnum ? string.Join(" or ", Names(type))
        : type == typeof(int) || type == typeof(long) ? "a whole number"
        : "a text";

    /// <summary>What may be written for it: every name but Unknown.</summary>
    public static IEnumerable<string> Names(Type type) => Enum.GetNames(type).Where(name => name != "Unknown");

    private static string Nearest(string key, PropertyInfo[] properties)
    {
        var distance = new Damerau();
        return properties.MinBy(property => distance.Distance(property.Name.ToUpperInvariant(), key.ToUpperInvariant()))!.Name;
    }
}
