using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ambient.Telemetry.Servers;

/// <summary>The head of a request (RFC 9112 §2-6), read strictly: what could be read in two ways is refused.</summary>
internal sealed record PageRequest(string Method, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    /// <summary>No page reads a body; what is sent nevertheless is read this far so that the connection can go on.</summary>
    private const int MaxBodyBytes = 64 * 1024;

    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public bool IsVersion10 { get; private init; }

    /// <summary>Whether the connection ends with the answer.</summary>
    public bool Closes { get; private init; }

    public int BodyBytes { get; private init; }

    /// <summary>Why it cannot be taken.</summary>
    public string? Problem { get; private init; }

    public static PageRequest Wrong(string problem) => new("", "", []) { Problem = problem, Closes = true };

    /// <summary>Reads a head without its empty line.</summary>
    public static PageRequest Parse(ReadOnlySpan<byte> head)
    {
        if (head.ContainsAnyInRange((byte)0x80, (byte)0xff) || head.Contains((byte)0))
        {
            return Wrong("The request's head is not ASCII.");
        }

        var lines = Encoding.ASCII.GetString(head).Split("\r\n");
        if (lines[0].Split(' ') is not [var method, ['/', ..] target, "HTTP/1.1" or "HTTP/1.0"] || !IsToken(method) || target.AsSpan().ContainsAny('\r', '\n', '\t'))
        {
            return Wrong("The request line is not METHOD /PATH HTTP/1.1.");
        }

        var headers = new List<KeyValuePair<string, string>>();
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 1 || !IsToken(line.AsSpan(0, colon)) || line.AsSpan().ContainsAny('\r', '\n'))
            {
                return Wrong("A header is not NAME: VALUE.");
            }

            headers.Add(new(line[..colon], line[(colon + 1)..].Trim(' ', '\t')));
        }

        return Framed(new PageRequest(method, target, headers) { IsVersion10 = lines[0].EndsWith('0') });
    }

    private static PageRequest Framed(PageRequest request)
    {
        var hosts = request.Values("Host").Count();
        var lengths = request.Values("Content-Length").ToArray();
        var length = 0L;
        if (hosts > 1 || (hosts == 0 && !request.IsVersion10))
        {
            return Wrong("The request has to name one Host.");
        }

        if (lengths.Length > 1
            || (lengths.Length == 1 && (!long.TryParse(lengths[0], NumberStyles.None, CultureInfo.InvariantCulture, out length) || request.Values("Transfer-Encoding").Any())))
        {
            return Wrong("The length of the request's body can be read in two ways.");
        }

        var asked = request.Values("Connection").SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries)).ToArray();
        var closes = request.IsVersion10 || asked.Contains("close", StringComparer.OrdinalIgnoreCase)
            || request.Values("Transfer-Encoding").Any() || length > MaxBodyBytes;
        return request with { Closes = closes, BodyBytes = closes ? 0 : (int)length };
    }

    private static bool IsToken(ReadOnlySpan<char> text) => !text.IsEmpty && !text.ContainsAnyExcept(Token);

    private IEnumerable<string> Values(string name) =>
        Headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value);
}
