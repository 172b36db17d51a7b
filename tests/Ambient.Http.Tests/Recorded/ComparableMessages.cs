using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ambient.Http.Tests.Recorded;

/// <summary>
/// Messages in a form that can be compared: without what the recorded proxy adds of its own, fields in no order, chunks put together (how a body
/// is cut is nobody's promise), and whether the body came to its end.
/// </summary>
internal static partial class ComparableMessages
{
    public static string Of(string messages)
    {
        var text = new StringBuilder();
        var rest = messages.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
        while (rest.Length > 0)
        {
            var end = rest.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end < 0)
            {
                return text.Append("no head: ").Append(rest).ToString();
            }

            var lines = rest[..end].Split("\r\n").Select(line => LongRun().Replace(line, "a…")).ToList();
            var own = lines.Skip(1).Where(line => !IsProxys(line)).Select(line => line.Replace("connection: Upgrade", "connection: upgrade", StringComparison.Ordinal));
            text.AppendJoin('\n', [lines[0], .. own.Order(StringComparer.Ordinal)]).Append("\n\n");
            rest = Body(lines, rest[(end + 4)..], text);
        }

        return text.ToString();
    }

    private static string Body(List<string> lines, string rest, StringBuilder text)
    {
        if (lines.Contains("transfer-encoding: chunked"))
        {
            return Chunks(rest, text);
        }

        var length = lines.Find(line => line.StartsWith("content-length: ", StringComparison.Ordinal));
        if (length is null && !lines[0].Contains(" 101 ", StringComparison.Ordinal))
        {
            return rest;
        }

        var count = length is null ? rest.Length : Math.Min(rest.Length, int.Parse(length[16..], CultureInfo.InvariantCulture));
        text.Append(rest[..count]).Append('\n');
        return rest[count..];
    }

    private static string Chunks(string rest, StringBuilder text)
    {
        while (true)
        {
            var line = rest.IndexOf("\r\n", StringComparison.Ordinal);
            if (line < 0 || !int.TryParse(rest[..line], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size))
            {
                text.Append("|cut:").Append(rest);
                return "";
            }

            if (size == 0)
            {
                text.Append("|end\n");
                return rest[(line + 4)..];
            }

            text.Append(rest.AsSpan(line + 2, Math.Min(size, rest.Length - line - 2)));
            rest = rest[Math.Min(rest.Length, line + 4 + size)..];
        }
    }

    private static bool IsProxys(string line) =>
        line.StartsWith("x-envoy-upstream-service-time", StringComparison.Ordinal) || line.StartsWith("x-envoy-expected-rq", StringComparison.Ordinal)
        || line.StartsWith("date: ", StringComparison.Ordinal) || line.StartsWith("server: ", StringComparison.Ordinal)
        || line.StartsWith("x-request-id: <uuid>", StringComparison.Ordinal) || line == "x-forwarded-proto: http";

    /// <summary>Where a recording was cut for length.</summary>
    [GeneratedRegex("a{150,}…?")]
    private static partial Regex LongRun();
}
