using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Kinds;

/// <summary>What labels, annotations, finalizers and owners must be, in every kind.</summary>
internal static partial class MetadataRules
{
    private const string LabelValueRule =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

    private const string NameRule =
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

    /// <summary>The real server's bound for all annotations of an object together.</summary>
    private const int MostAnnotationBytes = 256 * 1024;

    public static void Validate(JsonObject metadata, JsonObject? old, List<Cause> causes)
    {
        foreach (var (name, value) in metadata["labels"] as JsonObject ?? [])
        {
            if (!IsQualifiedName(name))
            {
                causes.Add(Cause.Invalid("metadata.labels", name, NameRule));
            }

            var text = value?.GetValue<string>() ?? "";
            if (text.Length > 63 || !LabelValue().IsMatch(text))
            {
                causes.Add(Cause.Invalid("metadata.labels", text, LabelValueRule));
            }
        }

        var size = 0;
        foreach (var (name, value) in metadata["annotations"] as JsonObject ?? [])
        {
            if (!IsQualifiedName(name.ToLowerInvariant()))
            {
                causes.Add(Cause.Invalid("metadata.annotations", name, NameRule));
            }

            size += name.Length + (value?.GetValue<string>().Length ?? 0);
        }

        if (size > MostAnnotationBytes)
        {
            causes.Add(new("FieldValueTooLong", "metadata.annotations", $"Too long: may not be more than {MostAnnotationBytes} bytes"));
        }

        if (old?["deletionTimestamp"] is not null)
        {
            var before = (old["finalizers"] as JsonArray)?.Select(item => item?.GetValue<string>()).ToHashSet() ?? [];
            foreach (var item in metadata["finalizers"] as JsonArray ?? [])
            {
                if (!before.Contains(item?.GetValue<string>()))
                {
                    causes.Add(Cause.Forbidden("metadata.finalizers", "no new finalizers can be added if the object is being deleted"));
                }
            }
        }
    }

    private static bool IsQualifiedName(string name)
    {
        var parts = name.Split('/');
        return parts.Length switch
        {
            1 => NamePart().IsMatch(name) && name.Length <= 63,
            2 => Names.Check(parts[0], Kinds.NameRule.Subdomain) is null && NamePart().IsMatch(parts[1]) && parts[1].Length <= 63,
            _ => false,
        };
    }

    [GeneratedRegex(@"\A(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?\z")]
    private static partial Regex LabelValue();

    [GeneratedRegex(@"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\z")]
    private static partial Regex NamePart();
}
