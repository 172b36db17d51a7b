namespace Ambient.Http.Tests.Recorded;

/// <summary>Where we answer otherwise than the recorded proxy, on purpose.</summary>
internal static class RecordedDifferences
{
    private const string OneReading = "a lenient reading of line ends, folds or spaces is where two recipients differ (RFC 9112 §2.2, §3, §5.2, §11.2): refused";

    /// <summary>What we answer instead, and why.</summary>
    public static readonly Dictionary<string, (int[] Statuses, string Why)> Stricter = new()
    {
        ["two Hosts"] = ([400], "more than one Host is an error (RFC 9112 §3.2)"),
        ["same Host twice"] = ([400], "more than one Host is an error (RFC 9112 §3.2)"),
        ["absolute form with credentials"] = ([400], "user information in an http URI is an error (RFC 9110 §4.2.4)"),
        ["Host with credentials"] = ([400], "Host is host and port, nothing else (RFC 9112 §3.2)"),
        ["chunk data too long"] = ([400], "the data of a chunk ends by CRLF (RFC 9112 §7.1)"),
        ["line ends by LF"] = ([400], OneReading),
        ["two spaces in the request line"] = ([400], OneReading),
        ["header: CR in a value"] = ([400], "a bare CR is invalid (RFC 9112 §2.2)"),
        ["header: LF in a value"] = ([400], OneReading),
        ["header: folded line"] = ([400], OneReading),
        ["answer: 103"] = ([103, 200], "a proxy passes interim responses on (RFC 9110 §15.2)"),
        ["HTTP/2 preface"] = ([400], "which protocol a connection speaks was decided before the codec of HTTP/1.1 gets it"),
    };

    /// <summary>What the codec refuses ends the connection, whatever it is.</summary>
    public static readonly HashSet<string> ClosesToo = ["asterisk with OPTIONS"];

    /// <summary>The head went on before the body was seen to be malformed, as it does in the other recordings of malformed bodies.</summary>
    public static readonly HashSet<string> ServerSeesHead = ["chunk size overflow"];

    /// <summary>Exchanges whose server may have seen less than the recorded one, because we refuse the request before its end.</summary>
    public static readonly HashSet<string> ServerSeesLess = ["chunk data too long"];
}
