using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Kinds;

/// <summary>What names may look like.</summary>
internal static partial class Names
{
    public const string LabelRule =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

    private const string SubdomainRule =
        @"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

    private const string ServiceRule =
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

    /// <summary>RFC 1035 §2.3.4: labels of at most 63, names of at most 253 bytes as text.</summary>
    private const int LongestLabel = 63;
    private const int LongestSubdomain = 253;

    public static bool IsLabel(string name) => name.Length <= LongestLabel && Label().IsMatch(name);

    /// <summary>Why the name breaks the rule; null when it does not.</summary>
    public static string? Check(string name, NameRule rule) => rule switch
    {
        NameRule.Label => IsLabel(name) ? null : LabelRule,
        NameRule.ServiceLabel => name.Length <= LongestLabel && ServiceLabel().IsMatch(name) ? null : ServiceRule,
        NameRule.PathSegment => name is "." or ".." ? "may not be '.' or '..'" : name.AsSpan().ContainsAny('/', '%') ? "may not contain '/' or '%'" : null,
        _ => name.Length <= LongestSubdomain && Subdomain().IsMatch(name) ? null : SubdomainRule,
    };

    /// <summary>Five random characters without vowels and look-alikes, as the real server adds to <c>generateName</c>.</summary>
    public static string Generate(string prefix)
    {
        // The base may be as long as a label leaves room for the five.
        var head = prefix.Length > LongestLabel - 5 ? prefix[..(LongestLabel - 5)] : prefix;
        return head + string.Create(5, 0, static (span, _) => Random.Shared.GetItems("bcdfghjklmnpqrstvwxz2456789", span));
    }

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\z")]
    private static partial Regex Label();

    [GeneratedRegex(@"\A[a-z]([-a-z0-9]*[a-z0-9])?\z")]
    private static partial Regex ServiceLabel();

    [GeneratedRegex(@"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Subdomain();
}
