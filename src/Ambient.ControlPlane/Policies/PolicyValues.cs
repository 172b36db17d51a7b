using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ambient.Api.Security;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.ControlPlane.Policies;

/// <summary>Values of policies, text to WDS.</summary>
internal static class PolicyValues
{
    /// <summary><c>*</c> is any, <c>*x</c> a suffix, <c>x*</c> a prefix, anything else exact.</summary>
    public static StringMatch Match(string value) => value switch
    {
        "*" => new StringMatch { Presence = new Empty() },
        ['*', .. var suffix] => new StringMatch { Suffix = suffix },
        [.. var prefix, '*'] => new StringMatch { Prefix = prefix },
        _ => new StringMatch { Exact = value },
    };

    /// <summary>A port, 1 to 65535.</summary>
    public static bool TryPort(string text, out uint port) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= ushort.MaxValue;

    /// <summary>An address, or a block in CIDR notation; an address alone is a block of its full length.</summary>
    public static bool TryBlock(string text, out Address block)
    {
        block = new Address();
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text.AsSpan(0, slash), out var address) || !IsCanonical(address, text))
        {
            return false;
        }

        var full = address.AddressFamily == AddressFamily.InterNetwork ? 32u : 128u;
        var length = full;
        if (slash >= 0
            && !(uint.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length) && length <= full))
        {
            return false;
        }

        block = new Address { Address_ = ByteString.CopyFrom(address.GetAddressBytes()), Length = length };
        return true;
    }

    /// <summary>A service account: <c>namespace/name</c>, or the name alone for the policy's own namespace.</summary>
    public static bool TryServiceAccount(string text, string ownNamespace, out ServiceAccountMatch match)
    {
        var parts = text.Split('/');
        match = parts switch
        {
            [{ Length: > 0 } name] => new ServiceAccountMatch { Namespace = ownNamespace, ServiceAccount = name },
            [{ Length: > 0 } ns, { Length: > 0 } name] => new ServiceAccountMatch { Namespace = ns, ServiceAccount = name },
            _ => new ServiceAccountMatch(),
        };
        return match.ServiceAccount.Length > 0;
    }

    /// <summary>Whether a path is a template: segments, of which <c>{*}</c> is any one and <c>{**}</c> any number.</summary>
    public static bool IsTemplate(string path) => path.Contains("{*}", StringComparison.Ordinal) || path.Contains("{**}", StringComparison.Ordinal);

    /// <summary>What is wrong with a template; null for nothing.</summary>
    public static string? TemplateProblem(string path)
    {
        var segments = path.Split('/');
        var wild = segments.Where(segment => segment.Contains('*', StringComparison.Ordinal) || segment.Contains('{', StringComparison.Ordinal)).ToList();
        return wild.FirstOrDefault(segment => segment is not ("{*}" or "{**}")) is { } mixed ? $"'{mixed}' is no whole segment {{*}} or {{**}}"
            : wild.Count(segment => segment == "{**}") > 1 ? "{**} may stand in it once"
            : segments.SkipWhile(segment => segment != "{**}").Skip(1).Any(segment => segment is "{*}") ? "{*} may not stand after {**}"
            : null;
    }

    /// <summary>.NET also reads "10.1" and "0x0a000001" as IPv4 addresses; nobody means them.</summary>
    private static bool IsCanonical(IPAddress address, string text) =>
        address.AddressFamily != AddressFamily.InterNetwork || text.Split('/')[0] == address.ToString();
}
