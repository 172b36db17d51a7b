using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Ambient.Kubernetes;

/// <summary>
/// Types of YAML scalars. Quoted and block scalars are strings. Plain ones follow YAML 1.1 as kubectl does, so that
/// <c>on</c> and <c>yes</c> are booleans and <c>0644</c> is octal; timestamps stay strings.
/// </summary>
internal static partial class YamlScalars
{
    public static JsonNode? Convert(YamlScalarNode scalar, string source)
    {
        var text = scalar.Value ?? "";
        var tag = scalar.Tag.IsEmpty ? "" : scalar.Tag.Value;
        if (tag is "!" or "tag:yaml.org,2002:str" or "!!str")
        {
            return JsonValue.Create(text);
        }

        if (scalar.Style is not (ScalarStyle.Plain or ScalarStyle.Any) && tag.Length == 0)
        {
            return JsonValue.Create(text);
        }

        return Plain(text, $"{source}:{scalar.Start.Line}");
    }

    private static JsonNode? Plain(string text, string place)
    {
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return null;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y":
                return JsonValue.Create(true);
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N":
                return JsonValue.Create(false);
            case ".inf" or "+.inf" or "-.inf" or ".nan" or ".Inf" or "-.Inf" or ".NaN" or ".INF" or ".NAN":
                throw new FormatException($"{place}: {text} has no place in JSON.");
        }

        if (text[0] is not (>= '0' and <= '9' or '-' or '+' or '.'))
        {
            return JsonValue.Create(text);
        }

        return Number(text.Replace("_", "", StringComparison.Ordinal)) ?? JsonValue.Create(text);
    }

    private static JsonNode? Number(string text)
    {
        var negative = text.StartsWith('-');
        var digits = text.TrimStart('+', '-');
        if (Based().Match(digits) is { Success: true } match)
        {
            var radix = match.Groups["hex"].Success ? 16 : match.Groups["binary"].Success ? 2 : 8;
            var value = match.Groups["hex"].Value + match.Groups["binary"].Value + match.Groups["octal"].Value;
            return TryBased(value, radix, out var number) ? JsonValue.Create(negative ? -number : number) : null;
        }

        if (Integer().IsMatch(text))
        {
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var small)
                ? JsonValue.Create(small)
                : JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture));
        }

        return Float().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
            ? JsonValue.Create(real)
            : null;
    }

    private static bool TryBased(string digits, int radix, out long value)
    {
        value = 0;
        foreach (var digit in digits)
        {
            if (value > long.MaxValue / radix - radix)
            {
                return false;
            }

            value = (value * radix) + System.Convert.ToInt32(digit.ToString(), 16);
        }

        return true;
    }

    [GeneratedRegex("^(?:0x(?<hex>[0-9a-fA-F]+)|0b(?<binary>[01]+)|0o?(?<octal>[0-7]+))$")]
    private static partial Regex Based();

    [GeneratedRegex("^[-+]?(?:0|[1-9][0-9]*)$")]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$")]
    private static partial Regex Float();
}
