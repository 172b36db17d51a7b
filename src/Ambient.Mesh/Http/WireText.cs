using System.Text;

namespace Ambient.Mesh.Http;

/// <summary>Configuration is text, a request is bytes: the text's UTF-8 bytes, one character each, compare with what came.</summary>
internal static class WireText
{
    public static string Of(string text) => Ascii.IsValid(text) ? text : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));
}

/// <summary>Parts of an authority.</summary>
internal static class HostText
{
    /// <summary>The host of an authority; of IPv6 with its brackets.</summary>
    public static ReadOnlySpan<char> WithoutPort(ReadOnlySpan<char> authority) => Port(authority) is { IsEmpty: false } port
        ? authority[..^(port.Length + 1)]
        : authority;

    /// <summary>The digits of its port; empty without one.</summary>
    public static ReadOnlySpan<char> Port(ReadOnlySpan<char> authority)
    {
        var colon = authority.LastIndexOf(':');
        if (colon < 0 || authority[colon..].Contains(']') || (authority[0] != '[' && authority.IndexOf(':') != colon))
        {
            return default;
        }

        var port = authority[(colon + 1)..];
        return port.ContainsAnyExceptInRange('0', '9') ? default : port;
    }
}
